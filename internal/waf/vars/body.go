package vars

import "fanlight/internal/waf/arena"

// Body reads the body as REQBODY_PROCESSOR says, which a rule may have set; force
// is what ctl:forceRequestBodyVariable said. INBOUND_DATA_ERROR must have been set
// if there is more of the body. The body is aliased.
//
// It takes time in proportion to its length, but for JSON with a fault in it: the
// time that takes grows with its length and its depth, which Limits bound.
func (v *Values) Body(body []byte, force bool) {
	if len(body) == 0 {
		return
	}
	if force && v.Get(ReqbodyProcessor) == "" {
		v.Set(ReqbodyProcessor, "URLENCODED")
	}
	text := arena.Alias(body)
	switch v.fold(v.Get(ReqbodyProcessor)) {
	case "":
	case "urlencoded":
		v.arguments(text)
		v.argumentsDone()
		v.raw(text)
	case "raw":
		v.raw(text)
	case "json":
		if fault := v.readJSON(text); fault != "" {
			v.bodyFault(fault)
		} else {
			v.json = text
		}
		v.argumentsDone()
	case "multipart":
		if fault := v.readParts(text); fault != "" {
			v.bodyFault(fault)
		}
		v.argumentsDone()
	case "xml":
		if fault := v.readXML(text); fault != "" {
			v.bodyFault(fault)
		}
	default:
		v.bodyFault("invalid body processor")
	}
}

func (v *Values) raw(text string) {
	v.Set(RequestBody, text)
	v.Set(RequestBodyLength, v.decimal(len(text)))
}

// bodyFault says that the body is not what it should be.
func (v *Values) bodyFault(why string) {
	v.Set(ReqbodyError, "1")
	v.Set(ReqbodyErrorMsg, v.arena.Join(v.Get(ReqbodyProcessor), ": ", why))
	v.Set(ReqbodyProcessorError, "1")
	v.Set(ReqbodyProcessorErrorMsg, why)
}
