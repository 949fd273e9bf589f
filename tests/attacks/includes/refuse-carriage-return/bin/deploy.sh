#!/bin/sh
evilecho honest
