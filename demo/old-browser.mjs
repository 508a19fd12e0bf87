// A browser of the year 2006: it signs in by NTLM, and takes a signed-in
// connection for unusable if the response has no Server header. It closes it,
// and signs in again for the next request.
//   node old-browser.mjs URL ADDRESS CA-FILE
import fs from 'node:fs'
import https from 'node:https'
import { authenticate, negotiate } from './ntlm.mjs'

const requests = 4
const [url, address, ca] = process.argv.slice(2)
let connections = 0
let agent

const open = () => {
  connections++
  agent = new https.Agent({
    keepAlive: true, maxSockets: 1, ca: fs.readFileSync(ca),
    lookup: (_, options, done) => options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4),
  })
}

const get = (authorization) => new Promise((resolve, reject) => {
  const headers = { 'User-Agent': 'Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.0)' }
  if (authorization) headers.Authorization = authorization
  https.get(url, { agent, headers, timeout: 5000 }, (res) => {
    res.resume().on('end', () => setImmediate(resolve, res)) // the agent has its socket back then
  }).on('timeout', function () { this.destroy(new Error('no answer within 5 s')) }).on('error', reject)
})

const expect = (res, status) => {
  if (res.statusCode !== status) throw new Error(`${url}: status ${res.statusCode}, expected ${status}`)
}

let signIns = 0
for (let i = 0; i < requests; i++) {
  if (!agent) open()
  let res = await get()
  if (res.statusCode === 401) {
    signIns++
    expect(await get(negotiate()), 401)
    res = await get(authenticate('alice'))
  }
  expect(res, 200)
  if (!res.headers.server) {
    agent.destroy()
    agent = undefined
  }
}
agent?.destroy()
console.log(`${requests} requests, ${connections} connections, ${signIns} sign-ins`)
