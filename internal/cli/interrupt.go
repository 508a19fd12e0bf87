package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"fanlight/internal/pcap"
)

// onceMore has a second interruption end the program at once, until what it
// gives is called.
func onceMore(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt, syscall.SIGTERM) })
}

func interrupted(err error) bool { return errors.Is(err, context.Canceled) }

// unlessEnded gives what f gives, or the error of ctx as soon as that ends. F
// may wait for a pipe that nobody writes to; it is left alone then.
func unlessEnded[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := f()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// nothing is a source without packets.
type nothing struct{}

func (nothing) NextBatch(*pcap.Batch) error { return io.EOF }
