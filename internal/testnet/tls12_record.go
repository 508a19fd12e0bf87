package testnet

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordData             = 23

	version12     = 0x0303
	maxPlain      = 1 << 14
	maxCiphertext = maxPlain + 2048
)

// recordLayer reads and writes TLS 1.2 records (RFC 5246, section 6.2). Writes
// are safe from several goroutines; reads belong to one.
type recordLayer struct {
	raw net.Conn
	r   *bufio.Reader

	in *recordKey // nil until the first ChangeCipherSpec

	writing sync.Mutex
	out     *recordKey
}

func newRecordLayer(raw net.Conn) recordLayer {
	return recordLayer{raw: raw, r: bufio.NewReaderSize(raw, 5+maxCiphertext)}
}

// read takes one record off the connection. A deadline that passes in its
// middle loses nothing: the next read goes on.
func (l *recordLayer) read() (kind byte, payload []byte, err error) {
	head, err := l.r.Peek(5)
	if err != nil && len(head) > 0 {
		err = noEOF(err)
	}
	if err != nil {
		return 0, nil, err
	}
	kind = head[0]
	size := int(binary.BigEndian.Uint16(head[3:]))
	if kind < recordChangeCipherSpec || kind > recordData || head[1] != 3 {
		return 0, nil, fmt.Errorf("read record: not TLS: % x", head)
	}
	if size > maxCiphertext {
		return 0, nil, fmt.Errorf("read record: %d bytes are too many", size)
	}
	record, err := l.r.Peek(5 + size)
	if err != nil {
		return 0, nil, noEOF(err)
	}
	payload = bytes.Clone(record[5:])
	if _, err := l.r.Discard(len(record)); err != nil {
		return 0, nil, err
	}
	if l.in != nil {
		payload, err = l.in.open(kind, payload)
	}
	return kind, payload, err
}

// write sends one record for each 16 KiB of payload.
func (l *recordLayer) write(kind byte, payload []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	_, err := l.raw.Write(l.seal(nil, kind, payload))
	return err
}

// changeKey sends ChangeCipherSpec under the old key and a handshake message
// under the new one, with no other writer's record between.
func (l *recordLayer) changeKey(next *recordKey, message []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	b := l.seal(nil, recordChangeCipherSpec, []byte{1})
	l.out = next
	_, err := l.raw.Write(l.seal(b, recordHandshake, message))
	return err
}

func (l *recordLayer) seal(b []byte, kind byte, payload []byte) []byte {
	for first := true; first || len(payload) > 0; first = false {
		part := payload[:min(len(payload), maxPlain)]
		payload = payload[len(part):]
		if l.out != nil {
			part = l.out.seal(kind, part)
		}
		b = append(b, kind, version12>>8, version12&0xff)
		b = binary.BigEndian.AppendUint16(b, uint16(len(part)))
		b = append(b, part...)
	}
	return b
}

// open and seal are AES-GCM as RFC 5288 has it: four bytes of salt and eight
// explicit ones, for which the sequence number serves.
func (k *recordKey) open(kind byte, b []byte) ([]byte, error) {
	if len(b) < 8+k.aead.Overhead() {
		return nil, errors.New("decrypt record: too short")
	}
	nonce := append(append([]byte{}, k.salt...), b[:8]...)
	sealed := b[8:]
	plain, err := k.aead.Open(sealed[:0], nonce, sealed, k.additional(kind, len(sealed)-k.aead.Overhead()))
	if err != nil {
		return nil, fmt.Errorf("decrypt record %d of type %d: %w", k.seq, kind, err)
	}
	k.seq++
	return plain, nil
}

func (k *recordKey) seal(kind byte, plain []byte) []byte {
	explicit := binary.BigEndian.AppendUint64(nil, k.seq)
	nonce := append(append([]byte{}, k.salt...), explicit...)
	out := k.aead.Seal(explicit, nonce, plain, k.additional(kind, len(plain)))
	k.seq++
	return out
}

func (k *recordKey) additional(kind byte, size int) []byte {
	b := binary.BigEndian.AppendUint64(nil, k.seq)
	b = append(b, kind, version12>>8, version12&0xff)
	return binary.BigEndian.AppendUint16(b, uint16(size))
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
