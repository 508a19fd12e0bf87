package vars

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unsafe"
)

// Keys of the members of XML: rules know no others.
const (
	xmlTexts      = "/*"
	xmlAttributes = "//@*"
)

// readXML adds the texts and the values of attributes of a document, as far as
// it goes; what it gives is a fault, or nothing. One with a fault adds nothing.
func (v *Values) readXML(text string) string {
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = false
	d.AutoClose, d.Entity = xml.HTMLAutoClose, xml.HTMLEntity
	var open []string // the elements around what is read
	for {
		token, err := d.Token()
		if err != nil {
			if err == io.EOF || endsEarly(err) {
				return ""
			}
			clear(v.lists[XML-singles])
			v.lists[XML-singles], v.within = v.lists[XML-singles][:0], v.within[:0]
			return err.Error()
		}
		switch token := token.(type) {
		case xml.StartElement:
			for i := range token.Attr {
				v.add(XML, xmlAttributes, xmlAttributes, token.Attr[i].Value)
				v.within = append(v.within, token.Attr[i].Name.Local)
			}
			open = append(open, token.Name.Local)
		case xml.EndElement:
			open = open[:max(0, len(open)-1)]
		case xml.CharData:
			if content := bytes.TrimSpace(token); len(content) > 0 {
				v.add(XML, xmlTexts, xmlTexts, v.arena.String(content))
				v.within = append(v.within, innermost(open))
			}
		}
	}
}

func innermost(open []string) string {
	if len(open) == 0 {
		return ""
	}
	return open[len(open)-1]
}

// Within gives the name of the element or the attribute that members of XML stand
// in, by where their values begin: rules know no names there.
func (v *Values) Within() map[*byte]string {
	names := make(map[*byte]string, len(v.within))
	for i, p := range v.Of(XML) {
		names[unsafe.StringData(p.Value)] = v.within[i]
	}
	return names
}

// endsEarly tells whether the document just stops.
func endsEarly(err error) bool {
	var syntax *xml.SyntaxError
	return errors.As(err, &syntax) && syntax.Msg == "unexpected EOF"
}
