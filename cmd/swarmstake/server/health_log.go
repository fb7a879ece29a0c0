package server

import (
	"io"
	"log/slog"
)

// NewLog is the log that a configuration asks for: lines of text, or of JSON for collectors. At info and
// above nothing in it is a key, a password or an address of a member.
func NewLog(w io.Writer, c Config) *slog.Logger {
	o := &slog.HandlerOptions{Level: logLevels[c.Server.LogLevel]}
	if c.Server.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

var logLevels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
