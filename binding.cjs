'use strict';
// The one file that knows where the package lies. At the package's root, and free of imports that a bundler could
// resolve by itself: bundled, `folder` is the bundle's folder, where docs/install.md has the binaries copied to.
const { createRequire } = require('node:module');

exports.folder = __dirname;
exports.load = (file) => createRequire(file)(file);
