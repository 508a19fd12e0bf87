package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"fanlight/internal/dissect"
)

// keyFollower has the secrets that come while a capture runs. But for end it is
// for the goroutine that reads packets.
type keyFollower struct {
	keys   *dissect.Keys
	keeper *keeper
	logs   []*grownFile
	door   *doorKeys // nil: none
}

// maxFollowed bounds the handshakes whose secrets a capture knows at a time, as
// it may run for months.
const maxFollowed = 100_000

func (f *captureFlags) follow(ctx context.Context, s streams, keys *dissect.Keys, logs []string) (*keyFollower, error) {
	follower := &keyFollower{keys: keys}
	keys.Limit(maxFollowed)
	for _, path := range logs {
		if err := followable(path); err != nil {
			return nil, failWith(exitUsage, fmt.Errorf("follow key log: %w", err))
		}
		follower.logs = append(follower.logs, &grownFile{path: path})
	}
	if !f.alone {
		follower.door = f.door.secrets(ctx, s.err)
	}
	return follower, nil
}

// followable: a key log may come into being later, but what is there must be a
// file that can be read.
func followable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return file.Close()
}

// look takes in what came since.
func (f *keyFollower) look() {
	add := func(lines []byte) {
		f.keys.AddKeyLog(lines)
		f.keeper.secrets(lines)
	}
	for _, log := range f.logs {
		log.news(add)
	}
	if f.door != nil {
		if lines := f.door.news(); len(lines) > 0 {
			add(lines)
		}
	}
}

// last takes in what is on its way when no further packet comes. The door has
// the secrets of a handshake before its last packet is sent, but another
// goroutine hands them to who follows, perhaps later.
func (f *keyFollower) last(ctx context.Context) {
	f.look()
	if f.door == nil {
		return
	}
	var fresh []byte
	for line := range bytes.Lines(f.door.latest(ctx)) {
		if f.keys.AddKeyLog(line) > 0 {
			fresh = append(fresh, line...)
		}
	}
	f.keeper.secrets(fresh)
}

func (f *keyFollower) end() {
	if f.door != nil {
		f.door.end()
	}
}
