package seclang

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// setting is a directive of the engine, spelt as documented, and what its
// argument must be: a word of oneOf (letter case aside) or what check says.
type setting struct {
	name    string
	oneOf   []string
	check   func(arg string) error
	ignored bool // it has no effect
}

func someText(arg string) error {
	if arg == "" {
		return errNoArgument
	}
	return nil
}

func aNumber(arg string) error {
	_, err := strconv.ParseInt(arg, 10, 64)
	return err
}

func anOctal(arg string) error {
	_, err := strconv.ParseInt(arg, 8, 32)
	return err
}

func aPositive(arg string) error {
	n, err := strconv.Atoi(arg)
	if err == nil && n <= 0 {
		err = errors.New("it must be above 0")
	}
	return err
}

func nothing(arg string) error {
	if arg != "" {
		return errors.New("it has no argument")
	}
	return nil
}

func settingOf(name string) (setting, bool) {
	onOff := []string{"on", "off"}
	limit := []string{"reject", "processpartial"}
	for _, s := range []setting{
		{name: "SecRuleEngine", oneOf: []string{"on", "off", "detectiononly"}},
		{name: "SecRequestBodyAccess", oneOf: onOff},
		{name: "SecRequestBodyLimit", check: aNumber},
		{name: "SecRequestBodyNoFilesLimit", check: aNumber},
		{name: "SecRequestBodyInMemoryLimit", check: aNumber},
		{name: "SecRequestBodyLimitAction", oneOf: limit},
		{name: "SecRequestBodyJsonDepthLimit", check: aPositive},
		{name: "SecResponseBodyAccess", oneOf: onOff},
		{name: "SecResponseBodyLimit", check: aNumber},
		{name: "SecResponseBodyLimitAction", oneOf: limit},
		{name: "SecResponseBodyJsonDepthLimit", check: aPositive},
		{name: "SecResponseBodyMimeType", check: someText},
		{name: "SecResponseBodyMimeTypesClear", check: nothing},
		{name: "SecArgumentsLimit", check: aPositive},
		{name: "SecRxPreFilter", oneOf: onOff},
		{name: "SecComponentSignature", check: someText},
		{name: "SecWebAppId", check: someText},
		{name: "SecSensorId", check: someText},
		{name: "SecServerSignature", check: someText},
		{name: "SecDataDir", check: someText},
		{name: "SecAuditEngine", oneOf: []string{"on", "off", "relevantonly"}},
		{name: "SecAuditLog", check: someText},
		{name: "SecAuditLogType", check: someText},
		{name: "SecAuditLogFormat", check: someText},
		{name: "SecAuditLogStorageDir", check: someText},
		{name: "SecAuditLogDirMode", check: anOctal},
		{name: "SecAuditLogFileMode", check: anOctal},
		{name: "SecAuditLogRelevantStatus", check: someText},
		{name: "SecAuditLogParts", check: someText},
		{name: "SecUploadKeepFiles", oneOf: []string{"on", "off", "relevantonly"}},
		{name: "SecUploadFileMode", check: anOctal},
		{name: "SecUploadFileLimit", check: aNumber},
		{name: "SecUploadDir", check: someText},
		{name: "SecDebugLog", check: someText},
		{name: "SecDebugLogLevel", check: aNumber},
		{name: "SecRemoteRulesFailAction", oneOf: []string{"abort", "warn"}},
		{name: "SecConnWriteStateLimit", ignored: true},
		{name: "SecConnReadStateLimit", ignored: true},
		{name: "SecPcreMatchLimitRecursion", ignored: true},
		{name: "SecPcreMatchLimit", ignored: true},
		{name: "SecHttpBlKey", ignored: true},
		{name: "SecGsbLookupDb", ignored: true},
		{name: "SecHashMethodPm", ignored: true},
		{name: "SecHashMethodRx", ignored: true},
		{name: "SecHashParam", ignored: true},
		{name: "SecHashKey", ignored: true},
		{name: "SecHashEngine", ignored: true},
		{name: "SecConnEngine", ignored: true},
		{name: "SecCollectionTimeout", ignored: true},
		{name: "SecArgumentSeparator", ignored: true},
		{name: "SecCookieFormat", ignored: true},
		{name: "SecRuleUpdateTargetByMsg", ignored: true},
		{name: "SecRuleScript", ignored: true},
		{name: "SecRulePerfTime", ignored: true},
		{name: "SecUnicodeMap", ignored: true},
		{name: "SecTmpDir", ignored: true},
	} {
		if strings.EqualFold(s.name, name) {
			return s, true
		}
	}
	return setting{}, false
}

// setting keeps a directive of the engine; nil: it is none.
func (r *reader) setting(name string) func(arg string) error {
	s, found := settingOf(name)
	if !found {
		return nil
	}
	return func(arg string) error {
		if s.ignored {
			r.set.Ignored = append(r.set.Ignored, Ignored{s.name, r.file, r.line})
			return nil
		}
		if s.oneOf != nil && !slices.Contains(s.oneOf, strings.ToLower(arg)) {
			return fmt.Errorf("%q is none of %s", arg, strings.Join(s.oneOf, ", "))
		}
		if s.check != nil {
			if err := s.check(arg); err != nil {
				return err
			}
		}
		if s.name == "SecResponseBodyMimeTypesClear" {
			s.name = "SecResponseBodyMimeType"
		}
		r.set.Settings[s.name] = arg
		return nil
	}
}
