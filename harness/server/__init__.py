"""SageMaker's scikit-learn model server: AWS's single-model behaviour over the user's own module.

Runs beside the harness and inside an image (Python 3.8 or newer), so it imports nothing else of this project.

    settings   what the platform's environment asks for
    codecs     bytes <-> arrays per content type
    handlers   model_fn, input_fn, predict_fn, output_fn, transform_fn: the user's or AWS's defaults
    traps      where AWS's behaviour surprises: what happened, and what to write instead
    peers      whose connection it is
    report     the log
    cause      why a request failed, for whoever asked
    app        WSGI: /ping, /invocations, /execution-parameters
    workers    gunicorn, set up as in AWS's image
    serve      the processes: gunicorn, and the check that the module can be imported
"""
