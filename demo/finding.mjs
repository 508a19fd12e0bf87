// Looks for a finding in the answer of /api/findings on stdin:
//   node finding.mjs ID HOST
// It prints the cause and the fixes, or ends with 1 if there is none whose
// cause names the host.
import fs from 'node:fs'

const [id, host] = process.argv.slice(2)
const { items } = JSON.parse(fs.readFileSync(0, 'utf8'))
const found = items.find((f) => f.id === id && f.cause.includes(` ${host}`))
if (!found) {
  console.log(`no finding ${id} for ${host}`)
  process.exit(1)
}
console.log(found.cause)
for (const fix of found.fixes) console.log(`fix (${fix.side}): ${fix.text} ${fix.command ?? ''}`)
