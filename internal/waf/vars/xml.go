package vars

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
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
	for {
		token, err := d.Token()
		if err != nil {
			if err == io.EOF || endsEarly(err) {
				return ""
			}
			clear(v.lists[XML-singles])
			v.lists[XML-singles] = v.lists[XML-singles][:0]
			return err.Error()
		}
		switch token := token.(type) {
		case xml.StartElement:
			for i := range token.Attr {
				v.add(XML, xmlAttributes, xmlAttributes, token.Attr[i].Value)
			}
		case xml.CharData:
			if content := bytes.TrimSpace(token); len(content) > 0 {
				v.add(XML, xmlTexts, xmlTexts, v.arena.String(content))
			}
		}
	}
}

// endsEarly tells whether the document just stops.
func endsEarly(err error) bool {
	var syntax *xml.SyntaxError
	return errors.As(err, &syntax) && syntax.Msg == "unexpected EOF"
}
