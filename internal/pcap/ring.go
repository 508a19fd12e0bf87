package pcap

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxRepeated bounds the secrets that each new file of a ring repeats, in
// bytes; the oldest are left out first.
const maxRepeated = 16 << 20

// Ring writes a capture into files of bounded size, of which only the last
// remain. Each file stands alone: it has the interfaces and the secrets so far.
// Files are named for a path by a number before its extension, dump-00001.pcapng,
// which goes on where an earlier ring of the same path stopped, and are
// readable for their owner only. A ring without limits is one file, which has
// the path for a name and must not exist. It is for one goroutine.
type Ring struct {
	path     string
	maxBytes int64
	maxFiles int
	options  WriterOptions

	names  []string // that exist, oldest first
	number int      // of the file being written
	file   *os.File
	w      *Writer

	links    []ringInterface
	secrets  []Secrets
	repeated int  // bytes of secrets
	packets  bool // the file has some
}

type ringInterface struct {
	link    LinkType
	snaplen int
	name    string
}

// NewRing begins a ring. A file is followed by the next when a packet would make
// it longer than maxBytes; files beyond maxFiles are removed, those of earlier
// rings of the path included. A limit of 0 is none.
func NewRing(path string, maxBytes int64, maxFiles int, o WriterOptions) (*Ring, error) {
	g := &Ring{path: path, maxBytes: maxBytes, maxFiles: maxFiles, options: o}
	if !g.single() {
		if err := g.find(); err != nil {
			return nil, err
		}
	}
	return g, g.next()
}

// Files lists the files of the ring that exist, the oldest first.
func (g *Ring) Files() []string { return slices.Clone(g.names) }

// AddInterface is that of Writer, for this file and all to come.
func (g *Ring) AddInterface(link LinkType, snaplen int, name string) int {
	g.links = append(g.links, ringInterface{link, snaplen, name})
	return g.w.AddInterface(link, snaplen, name)
}

// WriteSecrets is that of Writer, for this file and all to come. It keeps s.
func (g *Ring) WriteSecrets(s Secrets) error {
	g.secrets = append(g.secrets, s)
	g.repeated += len(s.Data)
	for g.repeated > maxRepeated && len(g.secrets) > 1 {
		g.repeated -= len(g.secrets[0].Data)
		g.secrets = g.secrets[1:]
	}
	return g.w.WriteSecrets(s)
}

// WritePacket is that of Writer.
func (g *Ring) WritePacket(iface int, time int64, origLen int, data []byte, comments ...string) error {
	const around = blockFrame + enhancedFixed
	if g.maxBytes > 0 && g.packets && g.w.Written()+int64(around+padded(len(data))) > g.maxBytes {
		if err := g.next(); err != nil {
			return err
		}
	}
	g.packets = true
	return g.w.WritePacket(iface, time, origLen, data, comments...)
}

// Flush is that of Writer.
func (g *Ring) Flush() error { return g.w.Flush() }

// Close completes the last file.
func (g *Ring) Close() error {
	if g.file == nil {
		return nil
	}
	err := g.w.Flush()
	if closeErr := g.file.Close(); err == nil {
		err = closeErr
	}
	g.file = nil
	return err
}

// next begins the next file and removes the oldest.
func (g *Ring) next() error {
	if err := g.Close(); err != nil {
		return err
	}
	g.number++
	name := g.name(g.number)
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	g.file, g.w, g.packets = file, NewWriter(file, g.options), false
	g.names = append(g.names, name)
	for _, i := range g.links {
		g.w.AddInterface(i.link, i.snaplen, i.name)
	}
	for _, s := range g.secrets {
		if err := g.w.WriteSecrets(s); err != nil {
			return err
		}
	}
	return g.trim()
}

func (g *Ring) trim() error {
	for g.maxFiles > 0 && len(g.names) > g.maxFiles {
		if err := os.Remove(g.names[0]); err != nil && !os.IsNotExist(err) {
			return err
		}
		g.names = g.names[1:]
	}
	return nil
}

// single: there is nothing to number.
func (g *Ring) single() bool { return g.maxBytes == 0 && g.maxFiles == 0 }

func (g *Ring) name(number int) string {
	if g.single() {
		return g.path
	}
	ext := filepath.Ext(g.path)
	return fmt.Sprintf("%s-%05d%s", strings.TrimSuffix(g.path, ext), number, ext)
}

// find takes over the files of earlier rings.
func (g *Ring) find() error {
	entries, err := os.ReadDir(filepath.Dir(g.path))
	if err != nil {
		return err
	}
	var numbers []int
	for _, e := range entries {
		if n, ok := g.numberOf(e.Name()); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		g.names, g.number = append(g.names, g.name(n)), n
	}
	return nil
}

// numberOf is the number in the name of a file of this ring.
func (g *Ring) numberOf(name string) (int, bool) {
	base := filepath.Base(g.path)
	ext := filepath.Ext(base)
	rest, hasPrefix := strings.CutPrefix(name, strings.TrimSuffix(base, ext)+"-")
	digits, hasExt := strings.CutSuffix(rest, ext)
	n, err := strconv.Atoi(digits)
	ok := hasPrefix && hasExt && err == nil && n > 0 && name == filepath.Base(g.name(n))
	return n, ok
}
