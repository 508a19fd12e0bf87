// A WebSocket (RFC 6455) that echoes short messages, and a client that counts
// what comes back:
//   node websocket.mjs URL ADDRESS CA-FILE
// The client sends a message every 20 ms until it gets SIGTERM, says how many
// it sent and how many came back, and fails if the connection ends before or
// an answer is missing.
import crypto from 'node:crypto'
import fs from 'node:fs'
import tls from 'node:tls'
import { fileURLToPath } from 'node:url'

const accept = (key) => crypto.createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')

// frames gives the complete text messages of buffer, none longer than 125
// bytes, and what is left over.
const frames = (buffer) => {
  const messages = []
  for (;;) {
    const masked = buffer[1] >> 7, size = buffer[1] & 0x7f
    const end = 2 + 4 * masked + size
    if (buffer.length < 2 || buffer.length < end) return [messages, buffer]
    const payload = Buffer.from(buffer.subarray(end - size, end))
    if (masked) payload.forEach((b, i) => { payload[i] = b ^ buffer[2 + i % 4] })
    messages.push(payload.toString())
    buffer = buffer.subarray(end)
  }
}

const reader = (take) => {
  let rest = Buffer.alloc(0)
  return (chunk) => {
    const [messages, left] = frames(Buffer.concat([rest, chunk]))
    rest = left
    messages.forEach(take)
  }
}

const text = 0x81 // a final text frame

// echoSocket answers an upgrade request of a node server.
export const echoSocket = (req, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept(req.headers['sec-websocket-key'])}\r\n\r\n`)
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.end())
  socket.on('data', reader((m) => socket.write(Buffer.concat([Buffer.from([text, m.length]), Buffer.from(m)]))))
}

const fail = (reason) => {
  console.error(reason)
  process.exit(1)
}

const count = (socket) => {
  let sent = 0, back = 0, ending = false
  const report = () => {
    console.log(`${sent} messages sent, ${back} came back`)
    process.exit(back === sent && sent > 0 ? 0 : 1)
  }
  const tick = setInterval(() => {
    const payload = Buffer.from(`message ${sent++}`)
    socket.write(Buffer.concat([Buffer.from([text, 0x80 | payload.length, 0, 0, 0, 0]), payload])) // mask 0
  }, 20)
  socket.on('close', () => fail(`the WebSocket was closed after ${sent} messages, ${back} came back`))
  process.on('SIGTERM', () => {
    ending = true
    clearInterval(tick)
    setTimeout(report, back === sent ? 0 : 2000)
  })
  return reader((m) => {
    if (m !== `message ${back++}`) fail(`out of order: ${m}`)
    if (ending && back === sent) report()
  })
}

const connect = (url, address, ca) => {
  const { hostname, pathname } = new URL(url)
  const key = crypto.randomBytes(16).toString('base64')
  const socket = tls.connect({ host: address, port: 443, servername: hostname, ca: fs.readFileSync(ca) }, () =>
    socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`))
  socket.on('error', (err) => fail(err.message))
  socket.once('data', (head) => {
    const [fields] = head.toString('latin1').split('\r\n\r\n')
    if (!fields.startsWith('HTTP/1.1 101 ') || !fields.includes(accept(key))) fail(`no upgrade: ${fields}`)
    console.log('open')
    socket.on('data', count(socket))
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) connect(...process.argv.slice(2))
