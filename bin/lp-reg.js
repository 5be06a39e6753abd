#!/usr/bin/env node
'use strict';

// Output may be a pipe that its reader closes early (lp-reg ... | head): no error of ours.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error;
});

let cli;
try {
  cli = require('../dist/cli/main.js');
} catch (error) {
  if (error.code !== 'MODULE_NOT_FOUND') throw error;
  console.error('lp-reg: ERR_LIBRARY: dist/ is missing; in a checkout, run: npm run bootstrap');
  process.exit(1);
}
process.exitCode = cli.main(process.argv.slice(2));
