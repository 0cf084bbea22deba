"""A small Flask app. Every answer tells which release and which color gave it."""

import os

from flask import Flask, jsonify, request

VERSION = "1.0.0"

app = Flask(__name__)


@app.get("/")
def hello():
    return jsonify(message="hello", version=VERSION)


@app.post("/orders")
def order():
    return jsonify(order=request.get_json()), 201


@app.get("/health")
def health():
    return jsonify(status="ok")


@app.after_request
def identify(response):
    response.headers["X-Tag"] = VERSION
    response.headers["X-Color"] = os.environ.get("COLOR", "")
    return response
