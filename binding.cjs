'use strict';
// The newest local build, else the prebuild of this platform; both hold lp_reg.node and, beside it, liblpreg.so.
module.exports = require('node-gyp-build')(__dirname);
