package iisimport

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of an XML file. IIS itself nests about ten deep.
const (
	maxDepth    = 64
	maxElements = 500_000
)

// element is an element of an XML file.
type element struct {
	name     string // without namespace
	line     int    // of its start
	attrs    []xml.Attr
	children []*element
}

// attr gives an attribute, and whether it is there.
func (e *element) attr(name string) (value string, found bool) {
	for _, a := range e.attrs {
		if a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

// parseXML reads a whole file. With an error it gives what stood before the
// fault, nil if that is nothing.
func parseXML(text string) (*element, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	// The text is UTF-8 by now, whatever its declaration says.
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	top := &element{}
	open, elements := []*element{top}, 0
	root := func() *element {
		if len(top.children) == 0 {
			return nil
		}
		return top.children[0]
	}
	for {
		line, _ := d.InputPos()
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF) && root() == nil:
			return nil, errors.New("it holds no XML element")
		case errors.Is(err, io.EOF):
			return root(), nil
		case err != nil:
			return root(), err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if elements++; elements > maxElements || len(open) > maxDepth {
				return root(), fmt.Errorf("it has more than %d elements, or more than %d within each other", maxElements, maxDepth)
			}
			e := &element{name: t.Name.Local, line: line, attrs: t.Attr}
			parent := open[len(open)-1]
			parent.children = append(parent.children, e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
}
