package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"fanlight/internal/dissect"
	"fanlight/internal/explain"
	"fanlight/internal/pcap"
)

// errNotStdout keeps a file from being called as other programs call stdout.
var errNotStdout = errors.New("-w -: packets are written to a file, as stdout has what is printed")

// createCopy makes the file of -w, which is to hold secrets.
func createCopy(path string) (*os.File, error) {
	if path == "-" {
		return nil, errNotStdout
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("write packets: %w (an existing file is not replaced)", err)
	case err != nil:
		return nil, fmt.Errorf("write packets: %w", err)
	}
	return file, nil
}

// writeCopy writes the chosen packets with the secrets that open them and a
// comment for each finding, so that Wireshark shows what is meant. Without
// inputs, or when it fails, there is no file.
func (f *traceFlags) writeCopy(ctx context.Context, file *os.File, v *view, in *inputs) error {
	said, err := "", error(nil)
	if in != nil && ctx.Err() == nil {
		said, err = f.copyTo(ctx, file, v, in.paths)
	}
	err = errors.Join(err, file.Close())
	if err == nil && said != "" {
		fmt.Fprintln(v.s.err, said)
		return nil
	}
	if rmErr := os.Remove(f.write); !errors.Is(rmErr, fs.ErrNotExist) {
		err = errors.Join(err, rmErr)
	}
	if ctx.Err() != nil {
		fmt.Fprintf(v.s.err, "fanlight: interrupted: %s is not written\n", f.write)
	}
	if err == nil || interrupted(err) {
		return nil
	}
	return fmt.Errorf("write packets to %s: %w", f.write, err)
}

// copyTo writes the packets and says what it wrote.
func (f *traceFlags) copyTo(ctx context.Context, file *os.File, v *view, paths []string) (said string, err error) {
	src, err := pcap.Open(paths, nil)
	if err != nil {
		return "", openFault(err)
	}
	defer src.Close()
	secrets, err := f.secrets(paths)
	if err != nil {
		return "", err
	}
	out := pcap.NewWriter(file, pcap.WriterOptions{Application: "Fanlight"})
	c := dissect.Copy{Comments: comments(v.found), Secrets: secrets}
	if v.chooses() {
		c.Conns = v.kept.Conns
		if c.Conns == nil {
			c.Conns = v.kept.Conns[:0:0]
		}
	}
	if err := ownSecrets(&c, paths); err != nil {
		return "", err
	}
	n, err := c.To(out, untilEnd{ctx, src})
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d packets written to %s, %s%s", n, f.write, f.secretsSaid(c.Secrets), v.notCopied()), nil
}

// notCopied says what was printed and is not in the copy: it goes by the
// connections that were kept.
func (v *view) notCopied() string {
	if !v.chooses() || v.kept.dropped == 0 {
		return ""
	}
	return fmt.Sprintf("; without those of %d connections that were printed: there were too many", v.kept.dropped)
}

// ownSecrets leaves out what opens only connections that are not written.
func ownSecrets(c *dissect.Copy, paths []string) error {
	src, err := pcap.Open(paths, nil)
	if err != nil {
		return openFault(err)
	}
	defer src.Close()
	return c.OwnSecrets(src)
}

// untilEnd is a source that ends with its context.
type untilEnd struct {
	ctx context.Context
	src *pcap.Source
}

func (u untilEnd) NextBatch(b *pcap.Batch) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	return u.src.NextBatch(b)
}

func (f *traceFlags) secretsSaid(logs [][]byte) string {
	said := "without secrets"
	if slices.ContainsFunc(logs, func(log []byte) bool { return len(log) > 0 }) {
		said = "with the secrets that open them"
	}
	if len(f.keys.RSA)+len(f.keys.PFX) > 0 {
		said += " (private keys are never written)"
	}
	return said
}

// secrets are the key logs given and those inside of the captures.
func (f *traceFlags) secrets(paths []string) (logs [][]byte, err error) {
	for _, path := range f.keys.Logs {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read key log: %w", err)
		}
		logs = append(logs, data)
	}
	for _, path := range paths {
		err := readSecrets(path, func(s pcap.Secrets) {
			if s.Kind == pcap.TLSKeyLog {
				logs = append(logs, s.Data)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return logs, nil
}

// comments are what findings rest on, by packet.
func comments(found []explain.Finding) map[int][]string {
	out := map[int][]string{}
	for _, f := range found {
		said := false
		for _, e := range f.Evidence {
			if e.Packet != 0 {
				text := fmt.Sprintf("%s: %s", f.ID, e.Text)
				if !said {
					text += "\n" + f.Cause
				}
				said = true
				out[e.Packet] = append(out[e.Packet], text)
			}
		}
	}
	return out
}
