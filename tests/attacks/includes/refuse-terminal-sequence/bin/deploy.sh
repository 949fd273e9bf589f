#!/bin/sh
echo deploying "$@"
