// The origins of the demo that no usual server plays:
//   node services.mjs NAME=HOST:PORT ...
// A name that is none of the parts below says its name.
import http from 'node:http'
import { echoSocket } from './websocket.mjs'
import { signedIn } from './ntlm.mjs'

const hello = (name) => http.createServer((_, res) => res.end(`${name}\n`))

const parts = {
  // Answers after ?wait=MILLISECONDS; echoes what comes over a WebSocket.
  echo: () => http.createServer((req, res) => {
    const { pathname, searchParams } = new URL(req.url, 'http://echo')
    setTimeout(() => res.end(`echo ${pathname}\n`), Number(searchParams.get('wait')))
  }).on('upgrade', echoSocket),

  // Takes every request and never answers.
  silent: () => http.createServer(() => {}),

  // Signs clients in for as long as their connection lasts, and sends no
  // Server header.
  signin: () => http.createServer((req, res) => {
    if (signedIn(req, res)) res.end('signed in\n')
  }),
}

for (const arg of process.argv.slice(2)) {
  const [name, address] = arg.split('=')
  const at = address.lastIndexOf(':')
  const server = (parts[name] ?? (() => hello(name)))()
  server.keepAliveTimeout = 60_000
  server.listen(Number(address.slice(at + 1)), address.slice(0, at))
}
