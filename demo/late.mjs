// Prints the record of the newest connection to an origin that carried a
// request for a host: what happened on it, a line for each event, and the ids
// of the findings about it.
//   node late.mjs CONTROL-SOCKET HOST
import http from 'node:http'

const [socketPath, host] = process.argv.slice(2)

const items = (path) => new Promise((resolve, reject) => {
  http.get({ socketPath, path, timeout: 5000 }, (res) => {
    let body = ''
    res.setEncoding('utf8').on('data', (s) => { body += s }).on('end', () => resolve(JSON.parse(body).items))
  }).on('error', reject)
})

const toOrigin = (await items('/api/connections?limit=500')).find((c) => c.parent && c.last?.host === host)
if (!toOrigin) throw new Error(`no connection to an origin for ${host} is on record`)
const [story] = await items(`/api/connections/${toOrigin.id}`)
for (const e of story.connection.events) console.log(`+${e.at_ms} ms ${e.from ?? '-'} ${e.kind} ${e.text ?? ''}`.trim())
for (const f of story.findings) console.log(`finding ${f.id}: ${f.cause}`)
