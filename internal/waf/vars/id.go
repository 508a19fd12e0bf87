package vars

// ID names a collection.
type ID uint8

// Collections that always hold one value, which may be empty.
const (
	ArgsCombinedSize ID = iota
	ArgumentsLimitReached
	Duration
	FilesCombinedSize
	FullRequestLength
	InboundDataError
	MultipartDataAfter
	MultipartDuplicatePartHeader
	MultipartInvalidQuoting
	MultipartStrictError
	OutboundDataError
	QueryString
	RemoteAddr
	RemoteHost
	RemotePort
	ReqbodyError
	ReqbodyErrorMsg
	ReqbodyProcessor
	ReqbodyProcessorError
	ReqbodyProcessorErrorMsg
	RequestBasename
	RequestBody
	RequestBodyLength
	RequestFilename
	RequestLine
	RequestMethod
	RequestProtocol
	RequestURI
	RequestURIRaw
	ResBodyProcessor
	ResponseBody
	ResponseContentLength
	ResponseContentType
	ResponseProtocol
	ResponseStatus
	ServerAddr
	ServerName
	ServerPort
	StatusLine
	Time
	TimeDay
	TimeEpoch
	TimeHour
	TimeMin
	TimeMon
	TimeSec
	TimeWday
	TimeYear
	UniqueID
	URIParseError
	URLEncodedError
	singles
)

// Collections with any number of members.
const (
	Args = iota + singles
	ArgsGet
	ArgsGetNames
	ArgsNames
	ArgsPost
	ArgsPostNames
	Files
	FilesNames
	FilesSizes
	MultipartFilename
	MultipartFilenameCharset
	MultipartFilenameLanguage
	MultipartName
	MultipartPartHeaders
	RequestCookies
	RequestCookiesNames
	RequestHeaders
	RequestHeadersNames
	ResponseHeaders
	ResponseHeadersNames
	XML // of the request; its keys are /* and //@*
	collections
	// Empty is any collection that nothing fills: what Coraza knows by name alone.
	Empty
)

// Lookup finds a collection by its name in upper case. It is false for what
// changes from rule to rule (TX, RULE, MATCHED_VAR and its kin, HIGHEST_SEVERITY,
// ENV), for JSON, which has no values in Coraza either, for FILES_TMPNAMES, since
// no file is ever written here, and for unknown names.
func Lookup(name string) (ID, bool) {
	if name == "XML" {
		return XML, true
	}
	for id, known := range names() {
		if known == name {
			return ID(id), true
		}
	}
	return Empty, empty(name)
}

func empty(name string) bool {
	switch name {
	case "ARGS_PATH", "AUTH_TYPE", "FILES_TMP_CONTENT", "FULL_REQUEST", "GEO", "IP", "MULTIPART_BOUNDARY_QUOTED", "MULTIPART_BOUNDARY_WHITESPACE", "MULTIPART_CRLF_LF_LINES",
		"MULTIPART_DATA_BEFORE",
		"MULTIPART_FILE_LIMIT_EXCEEDED", "MULTIPART_HEADER_FOLDING", "MULTIPART_INVALID_HEADER_FOLDING",
		"MULTIPART_INVALID_PART", "MULTIPART_LF_LINE", "MULTIPART_MISSING_SEMICOLON",
		"MULTIPART_UNMATCHED_BOUNDARY", "PATH_INFO", "RESPONSE_ARGS", "RESPONSE_XML",
		"RES_BODY_ERROR", "RES_BODY_ERROR_MSG", "RES_BODY_PROCESSOR_ERROR", "RES_BODY_PROCESSOR_ERROR_MSG", "SESSIONID", "UNKNOWN", "USERID":
		return true
	}
	return false
}

func names() [collections]string {
	return [...]string{
		ArgsCombinedSize:             "ARGS_COMBINED_SIZE",
		ArgumentsLimitReached:        "ARGUMENTS_LIMIT_REACHED",
		Duration:                     "DURATION",
		FilesCombinedSize:            "FILES_COMBINED_SIZE",
		FullRequestLength:            "FULL_REQUEST_LENGTH",
		InboundDataError:             "INBOUND_DATA_ERROR",
		MultipartDataAfter:           "MULTIPART_DATA_AFTER",
		MultipartDuplicatePartHeader: "MULTIPART_DUPLICATE_PART_HEADER",
		MultipartInvalidQuoting:      "MULTIPART_INVALID_QUOTING",
		MultipartStrictError:         "MULTIPART_STRICT_ERROR",
		OutboundDataError:            "OUTBOUND_DATA_ERROR",
		QueryString:                  "QUERY_STRING",
		RemoteAddr:                   "REMOTE_ADDR",
		RemoteHost:                   "REMOTE_HOST",
		RemotePort:                   "REMOTE_PORT",
		ReqbodyError:                 "REQBODY_ERROR",
		ReqbodyErrorMsg:              "REQBODY_ERROR_MSG",
		ReqbodyProcessor:             "REQBODY_PROCESSOR",
		ReqbodyProcessorError:        "REQBODY_PROCESSOR_ERROR",
		ReqbodyProcessorErrorMsg:     "REQBODY_PROCESSOR_ERROR_MSG",
		RequestBasename:              "REQUEST_BASENAME",
		RequestBody:                  "REQUEST_BODY",
		RequestBodyLength:            "REQUEST_BODY_LENGTH",
		RequestFilename:              "REQUEST_FILENAME",
		RequestLine:                  "REQUEST_LINE",
		RequestMethod:                "REQUEST_METHOD",
		RequestProtocol:              "REQUEST_PROTOCOL",
		RequestURI:                   "REQUEST_URI",
		RequestURIRaw:                "REQUEST_URI_RAW",
		ResBodyProcessor:             "RES_BODY_PROCESSOR",
		ResponseBody:                 "RESPONSE_BODY",
		ResponseContentLength:        "RESPONSE_CONTENT_LENGTH",
		ResponseContentType:          "RESPONSE_CONTENT_TYPE",
		ResponseProtocol:             "RESPONSE_PROTOCOL",
		ResponseStatus:               "RESPONSE_STATUS",
		ServerAddr:                   "SERVER_ADDR",
		ServerName:                   "SERVER_NAME",
		ServerPort:                   "SERVER_PORT",
		StatusLine:                   "STATUS_LINE",
		Time:                         "TIME",
		TimeDay:                      "TIME_DAY",
		TimeEpoch:                    "TIME_EPOCH",
		TimeHour:                     "TIME_HOUR",
		TimeMin:                      "TIME_MIN",
		TimeMon:                      "TIME_MON",
		TimeSec:                      "TIME_SEC",
		TimeWday:                     "TIME_WDAY",
		TimeYear:                     "TIME_YEAR",
		UniqueID:                     "UNIQUE_ID",
		URIParseError:                "URI_PARSE_ERROR",
		URLEncodedError:              "URLENCODED_ERROR",
		Args:                         "ARGS",
		ArgsGet:                      "ARGS_GET",
		ArgsGetNames:                 "ARGS_GET_NAMES",
		ArgsNames:                    "ARGS_NAMES",
		ArgsPost:                     "ARGS_POST",
		ArgsPostNames:                "ARGS_POST_NAMES",
		Files:                        "FILES",
		FilesNames:                   "FILES_NAMES",
		FilesSizes:                   "FILES_SIZES",
		MultipartFilename:            "MULTIPART_FILENAME",
		MultipartFilenameCharset:     "MULTIPART_FILENAME_CHARSET",
		MultipartFilenameLanguage:    "MULTIPART_FILENAME_LANGUAGE",
		MultipartName:                "MULTIPART_NAME",
		MultipartPartHeaders:         "MULTIPART_PART_HEADERS",
		RequestCookies:               "REQUEST_COOKIES",
		RequestCookiesNames:          "REQUEST_COOKIES_NAMES",
		RequestHeaders:               "REQUEST_HEADERS",
		RequestHeadersNames:          "REQUEST_HEADERS_NAMES",
		ResponseHeaders:              "RESPONSE_HEADERS",
		ResponseHeadersNames:         "RESPONSE_HEADERS_NAMES",
		XML:                          "REQUEST_XML", // what Coraza calls members of XML too
	}
}
