# Run in a mount namespace of its own: "$@" with a literal /opt/ml that is $TREE, or with none; every other folder of /opt
# stays as it is. $MNT, if given, is what the machine has in /mnt.
set -e
mount --make-rprivate /
mkdir "$ROOM/opt"
mount --rbind /opt "$ROOM/opt"
mount -t tmpfs none /opt
for each in "$ROOM"/opt/*; do
    name=${each##*/}
    if [ -d "$each" ] && [ "$name" != ml ]; then
        mkdir "/opt/$name"
        mount --rbind "$each" "/opt/$name"
    fi
done
if [ -n "$TREE" ]; then
    mkdir /opt/ml
    mount --bind "$TREE" /opt/ml
    mount --bind "$ROOM/hosts" /etc/hosts
fi
mount -t tmpfs none /mnt
if [ -n "$MNT" ]; then cp -a "$MNT/." /mnt; fi
cd "$FOLDER"
exec "$@"
