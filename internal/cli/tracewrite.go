package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"fanlight/internal/dissect"
	"fanlight/internal/explain"
	"fanlight/internal/pcap"
)

// writeCopy writes the chosen packets with the secrets that open them and a
// comment for each finding, so that Wireshark shows what is meant.
func (f *traceFlags) writeCopy(ctx context.Context, v *view, paths []string) error {
	src, err := pcap.Open(paths, nil)
	if err != nil {
		return openFault(err)
	}
	defer src.Close()
	secrets, err := f.secrets(paths)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(f.write, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600) // it holds secrets
	if err != nil {
		return failWith(exitUsage, fmt.Errorf("write packets: %w (an existing file is not replaced)", err))
	}
	out := pcap.NewWriter(file, pcap.WriterOptions{Application: "Fanlight"})
	c := dissect.Copy{Comments: comments(v.found), Secrets: secrets}
	if v.chooses() {
		c.Conns = v.kept.Conns
		if c.Conns == nil {
			c.Conns = v.kept.Conns[:0:0]
		}
	}
	n, err := c.To(out, src)
	if err = errors.Join(err, out.Flush(), file.Close()); err != nil {
		return fmt.Errorf("write packets to %s: %w", f.write, err)
	}
	fmt.Fprintf(v.s.err, "%d packets written to %s, with the secrets that open them\n", n, f.write)
	return ctx.Err()
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
