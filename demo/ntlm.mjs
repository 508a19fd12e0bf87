// As much of NTLM (MS-NLMP, section 2.2.1) as it takes to look like it from
// outside: any password is believed, and the proofs are empty.
import crypto from 'node:crypto'

const signature = 'NTLMSSP\0'
const unicode = 0x00000001, ntlm = 0x00000200, extended = 0x00080000

const message = (type, size) => {
  const m = Buffer.alloc(size)
  m.write(signature, 0, 'latin1')
  m.writeUInt32LE(type, 8)
  return m
}

// field writes length, allocated length and offset of a payload field.
const field = (m, at, length, offset) => {
  m.writeUInt16LE(length, at)
  m.writeUInt16LE(length, at + 2)
  m.writeUInt32LE(offset, at + 4)
}

export const negotiate = () => {
  const m = message(1, 32)
  m.writeUInt32LE(unicode | ntlm | extended, 12)
  field(m, 16, 0, 32)
  field(m, 24, 0, 32)
  return 'NTLM ' + m.toString('base64')
}

const challenge = () => {
  const m = message(2, 48)
  field(m, 12, 0, 48)
  m.writeUInt32LE(unicode | ntlm | extended, 20)
  crypto.randomFillSync(m, 24, 8)
  field(m, 40, 0, 48)
  return 'NTLM ' + m.toString('base64')
}

export const authenticate = (user) => {
  const name = Buffer.from(user, 'utf16le')
  const m = message(3, 64)
  for (const at of [12, 20, 28, 44, 52]) field(m, at, 0, 64)
  field(m, 36, name.length, 64)
  m.writeUInt32LE(unicode | ntlm | extended, 60)
  return 'NTLM ' + Buffer.concat([m, name]).toString('base64')
}

const typeOf = (header = '') => {
  const [scheme, token = ''] = header.split(' ')
  const m = Buffer.from(token, 'base64')
  const known = scheme === 'NTLM' && m.length >= 12 && m.toString('latin1', 0, 8) === signature
  return known ? m.readUInt32LE(8) : 0
}

const steps = new WeakMap() // socket -> challenged or done

// signedIn reports that the connection of a request is signed in; if it is
// not, the request is answered by the next step of signing in.
export const signedIn = (req, res) => {
  const type = typeOf(req.headers.authorization)
  if (type === 3 && steps.get(req.socket) === 'challenged') steps.set(req.socket, 'done')
  if (type === 1) steps.set(req.socket, 'challenged')
  if (steps.get(req.socket) === 'done') return true
  res.writeHead(401, { 'WWW-Authenticate': type === 1 ? challenge() : 'NTLM' })
  res.end()
  return false
}
