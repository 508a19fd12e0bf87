package oracle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"testing"
)

// node is an element of PDML: a protocol or a field.
type node struct {
	Name, Show, ShowName, Value string
	Nodes                       []node
}

// pdml reads what `tshark -T pdml` prints. It is not quite XML: bytes of the
// capture are shown as they are.
type pdml struct{ r *bufio.Reader }

func newPDML(r io.Reader) *pdml { return &pdml{bufio.NewReaderSize(r, 1<<20)} }

// next gives the next packet, io.EOF behind the last.
func (p *pdml) next() (*node, error) {
	var root node
	open := []*node(nil) // the elements around, from the packet on
	for {
		name, attrs, err := p.tag()
		if err != nil {
			return nil, err
		}
		switch {
		case name == "packet":
			open = []*node{&root}
		case name == "/packet":
			return &root, nil
		case len(open) == 0: // before the first packet, or between two
		case name[0] == '/':
			open = open[:len(open)-1]
		default:
			above := open[len(open)-1]
			above.Nodes = append(above.Nodes, attributes(attrs))
			if attrs[len(attrs)-1] != '/' {
				open = append(open, &above.Nodes[len(above.Nodes)-1])
			}
		}
	}
}

// tag gives the name of the next tag and what follows the name in it.
func (p *pdml) tag() (name string, attrs []byte, err error) {
	if _, err = p.r.ReadBytes('<'); err != nil {
		return "", nil, err
	}
	raw, err := p.r.ReadBytes('>')
	if err != nil {
		return "", nil, fmt.Errorf("read a tag: %w", errors.Join(err, io.ErrUnexpectedEOF))
	}
	word, attrs, _ := bytes.Cut(raw[:len(raw)-1], []byte(" "))
	if len(attrs) == 0 {
		attrs = []byte(" ")
	}
	return string(word), bytes.TrimRight(attrs, "\n"), nil
}

// bulky are fields of raw bytes that nobody asks for.
func bulky(name string) bool {
	switch name {
	case "tcp.payload", "tcp.segment_data", "tls.app_data", "tls.segment.data":
		return true
	}
	return false
}

func attributes(raw []byte) (n node) {
	for {
		key, rest, ok := bytes.Cut(raw, []byte(`="`))
		if !ok {
			return n
		}
		value, rest, _ := bytes.Cut(rest, []byte(`"`))
		raw = rest
		switch string(bytes.TrimSpace(key)) {
		case "name":
			if n.Name = string(value); bulky(n.Name) {
				return n
			}
		case "show":
			n.Show = html.UnescapeString(string(value))
		case "showname":
			n.ShowName = html.UnescapeString(string(value))
		case "value":
			n.Value = string(value)
		}
	}
}

func TestPDML(t *testing.T) {
	p := newPDML(bytes.NewReader([]byte("<?xml version=\"1.0\"?>\n<pdml>\n<packet>\n<proto name=\"a\" showname=\"A\">\n" +
		"<field name=\"b\" show=\"1\n&lt;\xff\" value=\"31\"/><field name=\"c\" show=\"&quot;\">\n<field name=\"d\"/></field></proto>\n</packet>\n</pdml>")))
	packet, err := p.next()
	must(t, err)
	if b, c, d := packet.find("b")[0], packet.find("c")[0], packet.find("d"); b.Show != "1\n<\xff" || b.Value != "31" || c.Show != `"` || len(d) != 1 {
		t.Errorf("%+v", packet)
	}
	if _, err := p.next(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the last packet: %v", err)
	}
}
