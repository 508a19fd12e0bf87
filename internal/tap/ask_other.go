//go:build !linux

package tap

import "errors"

// ErrUnasked is never given: CanAsk is false.
var ErrUnasked = errors.New("the peer spoke or ended before it was asked")

type question struct{ write func() error }

// CanAsk reports whether Ask works: on Linux alone.
func (c *Conn) CanAsk() bool { return false }

// Ask must not be called where CanAsk is false.
func (c *Conn) Ask(write func() error) { c.question.write = write }

func (c *Conn) answer(p []byte) (int, error) { return c.Conn.Read(p) }
