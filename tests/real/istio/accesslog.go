package main

import (
	accesslog "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	file "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
)

func logInfo(log *accesslog.AccessLog) *logReport {
	r := &logReport{Name: log.Name, Where: []string{}}
	if log.Filter != nil {
		r.Filter = asJSON(log.Filter)
	}
	message, err := log.GetTypedConfig().UnmarshalNew()
	if err != nil {
		return r
	}
	written, ok := message.(*file.FileAccessLog)
	if !ok {
		r.Type, r.Format = string(message.ProtoReflect().Descriptor().FullName()), asJSON(message)
		return r
	}
	r.Type, r.Path = "file", written.Path
	format := written.GetLogFormat()
	if text := format.GetTextFormatSource(); text != nil {
		r.Encoding, r.Format = "TEXT", text.GetInlineString()
	} else if object := format.GetJsonFormat(); object != nil {
		r.Encoding, r.Format = "JSON", asJSON(object)
	}
	return r
}
