// Package torznab speaks Torznab and RSS 2.0: it reads what indexer tools ask, says which of their categories
// a torrent is in, and writes the XML that they read.
//
// It knows neither the database nor HTTP handlers. Requests come in as query parameters (Parse), answers go out
// as bytes (Caps, Feed, Error). What it writes is well-formed whatever is in names: characters that XML has not
// are dropped, all others escaped by encoding/xml.
//
// Source: the Newznab and Torznab specification, https://torznab.github.io/spec-1.3-draft/.
package torznab

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// Media types of what is written.
const (
	MediaType        = "application/xml; charset=utf-8"
	MediaRSS         = "application/rss+xml; charset=utf-8"
	MediaTorrentFile = "application/x-bittorrent"
)

// The codes of errors, as Newznab numbers them.
const (
	CodeKey       = 100 // no key, or none that stands for anybody
	CodeClosed    = 101 // the account is closed
	CodeMissing   = 200 // a parameter is missing
	CodeIncorrect = 201 // a parameter is wrong
	CodeFunction  = 202 // there is no such function
	CodeNotHere   = 203 // there is, but not here
	CodeLimit     = 500 // too many requests
	CodeUnknown   = 900
)

// codes are the statuses of errors and the words that tools know them by.
var codes = map[int]struct {
	status int
	words  string
}{
	CodeKey:       {401, "Incorrect user credentials"},
	CodeClosed:    {403, "Account suspended"},
	CodeMissing:   {400, "Missing parameter"},
	CodeIncorrect: {400, "Incorrect parameter"},
	CodeFunction:  {400, "No such function"},
	CodeNotHere:   {400, "Function not available"},
	CodeLimit:     {429, "Request limit reached"}, // Sonarr compares the whole text
	CodeUnknown:   {500, "Unknown error"},
}

// Error is what a tool is told instead of an answer.
type Error struct {
	XMLName     xml.Name `xml:"error"`
	Code        int      `xml:"code,attr"`
	Description string   `xml:"description,attr"`
}

// Fail makes an error. The detail, if there is one, goes behind the words that tools know.
func Fail(code int, detail string) *Error {
	words := codes[code].words
	if detail != "" {
		words += ": " + detail
	}
	return &Error{Code: code, Description: clean(words)}
}

func (e *Error) Error() string { return fmt.Sprintf("torznab %d: %s", e.Code, e.Description) }

// Status is the HTTP status of the error.
func (e *Error) Status() int { return codes[e.Code].status }

// XML writes the error.
func (e *Error) XML() []byte { return document(e) }

// document writes a whole document of values that can always be written.
func document(v any) []byte {
	out := bytes.NewBufferString(xml.Header)
	e := xml.NewEncoder(out)
	e.Indent("", "  ")
	if err := e.Encode(v); err != nil {
		panic(err) // a type that encoding/xml cannot write is a mistake of the program
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// clean drops what XML 1.0 has no character for (§2.2), and what is not UTF-8.
func clean(text string) string {
	return strings.Map(func(c rune) rune {
		if c == '\t' || c == '\n' || c == '\r' || c >= 0x20 && c <= 0xD7FF || c >= 0xE000 && c <= 0xFFFD || c >= 0x10000 && c <= 0x10FFFF {
			return c
		}
		return -1
	}, strings.ToValidUTF8(text, ""))
}
