"""One job and one probe through every target, compared with AWS's contract and with each other."""
