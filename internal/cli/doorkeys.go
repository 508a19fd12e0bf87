package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"fanlight/internal/app"
)

// doorKeys follows the secrets of the running door's handshakes: when it ends,
// those of the next one.
type doorKeys struct {
	client *app.Client
	err    io.Writer
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu   sync.Mutex
	came []byte // since the last news
}

const (
	doorAgain   = time.Second // until a door is looked for again
	doorLine    = 4 << 10     // a longer line is no secret
	maxDoorNews = 4 << 20     // that wait for the next packet
)

// secrets begins to follow the door, and has done so when it returns if one
// runs. It is nil if there cannot be any. It goes on until end is called.
func (d *doorFlags) secrets(ctx context.Context, err io.Writer) *doorKeys {
	client, fault := d.client()
	switch {
	case errors.Is(fault, fs.ErrNotExist) && !d.named():
		return nil
	case fault != nil:
		withoutDoor(err, fault)
		return nil
	}
	k := &doorKeys{client: client, err: err}
	ctx, k.cancel = context.WithCancel(context.WithoutCancel(ctx)) // an interrupted capture still reads its last packets
	body, fault := client.KeyLog(ctx)
	if fault != nil && (d.named() || refuses(fault) || !errors.Is(fault, app.ErrNoDoor)) {
		withoutDoor(err, fault)
	}
	if refuses(fault) {
		k.cancel()
		return nil
	}
	k.done.Go(func() { k.follow(ctx, body) })
	return k
}

func withoutDoor(err io.Writer, why error) {
	fmt.Fprintln(err, "fanlight: without the secrets of the running door: "+visible(why.Error()))
}

// refuses tells a door that does not give its secrets from one that may do so
// once it runs.
func refuses(err error) bool {
	var refused *app.Refused
	return errors.As(err, &refused) || errors.Is(err, fs.ErrPermission)
}

// follow reads a key log, nil if no door runs, and then that of the next door.
func (k *doorKeys) follow(ctx context.Context, log io.ReadCloser) {
	for {
		if log != nil {
			k.read(log)
		}
		select {
		case <-time.After(doorAgain):
		case <-ctx.Done():
			return
		}
		var err error
		log, err = k.client.KeyLog(ctx)
		if refuses(err) && ctx.Err() == nil {
			withoutDoor(k.err, err)
			return
		}
	}
}

// read gathers lines until the door ends.
func (k *doorKeys) read(log io.ReadCloser) {
	defer log.Close()
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, doorLine)
	for lines.Scan() {
		k.mu.Lock()
		if len(k.came) > maxDoorNews {
			k.came = nil // no packet was captured for as long: they are not of ours
		}
		k.came = append(append(k.came, lines.Bytes()...), '\n')
		k.mu.Unlock()
	}
}

// news gives the lines that came since.
func (k *doorKeys) news() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	came := k.came
	k.came = nil
	return came
}

// latest gives the lines that the door has by now, whether they have come or
// not; none if it has gone, or does not answer.
func (k *doorKeys) latest(ctx context.Context) []byte {
	lines, err := k.client.LatestKeys(ctx)
	if err != nil {
		return nil // what came is all there is
	}
	return lines
}

// end ends following.
func (k *doorKeys) end() {
	k.cancel()
	k.done.Wait()
}
