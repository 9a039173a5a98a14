"""Zips a folder as `sam deploy` does before it uploads a function: zip.py ARCHIVE FOLDER."""

import os
import sys

from samcli.lib.package.utils import make_zip_with_lambda_permissions

archive, folder = sys.argv[1:]
make_zip_with_lambda_permissions(os.path.splitext(archive)[0], folder)
