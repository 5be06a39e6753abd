// Leaks of given binaries in the reports of LeakSanitizer: what they allocated themselves, and what Node-API did for
// them. A suppression cannot tell these from Node's own: all that an addon allocates is allocated in calls of Node.
//   node scripts/leak-reports.mjs FOLDER BINARY...     exit status 1 when there are some
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, ...binaries] = process.argv.slice(2);
const LEAK = /^(?:Direct|Indirect) leak of (\d+) byte\(s\) in (\d+) object\(s\)/;
/** Frames between an allocation and whoever asked for it; further inside V8 it is V8's own. */
const BETWEEN = /^#\d+ (operator new|__interceptor_|v8impl::|napi_)|\/(libasan|libstdc\+\+)\.so/;
/**
 * A worker that is terminated while a job is under way leaves the handle of its promise behind, 8 bytes: Node-API lets
 * nobody settle a promise then, and there is no other way to give the handle back.
 */
const HANDLE_OF_PROMISE = /^#\d+ napi_create_promise /;

const isInBinary = (frame) => binaries.some((binary) => frame.endsWith(`/${binary})`));

function isOurs(leak) {
  const frames = leak.split('\n').slice(1);
  const first = frames.findIndex((frame) => isInBinary(frame) || !BETWEEN.test(frame));
  return first > 0 && isInBinary(frames[first]) && !HANDLE_OF_PROMISE.test(frames[first - 1]);
}

const reports = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
const leaks = reports.flatMap((report) => report.split(/\n\s*\n/).filter((part) => LEAK.test(part)));
const ours = leaks.filter(isOurs);
const bytes = ours.reduce((sum, leak) => sum + Number(LEAK.exec(leak)[1]), 0);
for (const leak of ours.slice(0, 5)) console.log(`${leak}\n`);
console.log(
  `leaks: ${ours.length} of ${binaries.join(' and ')} (${bytes} bytes), ${leaks.length - ours.length} of others, ` +
    `in ${reports.length} processes that reported any`,
);
if (ours.length > 0) process.exitCode = 1;
