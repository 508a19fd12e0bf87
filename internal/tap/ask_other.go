//go:build !linux

package tap

import "errors"

// ErrUnasked is never given: CanAsk is false.
var ErrUnasked = errors.New("the peer spoke or ended before it was asked")

type question struct{}

// CanAsk reports whether Ask works: on Linux alone.
func (c *Conn) CanAsk() bool { return false }

// Ask must not be called where CanAsk is false.
func (c *Conn) Ask(func() error) error { return errors.ErrUnsupported }

// CanAwait reports whether AwaitInput works: on Linux alone.
func (c *Conn) CanAwait() bool { return false }

// AwaitInput must not be called where CanAwait is false.
func (c *Conn) AwaitInput() error { return nil }
