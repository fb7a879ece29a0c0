package web

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// What golang-jwt leaves open is closed here. Its JSON takes the last of two equal names, names in another
// case and dates that are fractions or strings, and its header says nothing of crit: two programs could read
// one token differently. RFC 7519 §4 lets a verifier refuse equal names, RFC 7515 §4.1.11 makes it refuse a
// crit that it does not understand, and a header that brings keys along has no use here (RFC 8725 §3.10).

// headerNames are all that the header of a node's token may hold.
var headerNames = []string{"alg", "typ", "kid"}

var errNodeJSON = errors.New("not the flat JSON object that a node's token is made of")

// kid reads the node's number from a token's header; only its canonical decimal form counts.
func kid(raw string) (bt.NodeID, error) {
	segment, _, _ := strings.Cut(raw, ".")
	data, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	if err != nil {
		return 0, err
	}
	header, err := flatObject(data)
	if err != nil {
		return 0, err
	}
	for name := range header {
		if !slices.Contains(headerNames, name) {
			return 0, fmt.Errorf("%w: header %q", errNodeJSON, name)
		}
	}
	if typ, ok := header["typ"]; ok && typ != "JWT" {
		return 0, fmt.Errorf("%w: typ %v", errNodeJSON, typ)
	}
	text, _ := header["kid"].(string)
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != text {
		return 0, errNode
	}
	return bt.NodeID(n), nil
}

// nodeClaims are a token's. Body is base64url(SHA-256(the request's body)), without which a node's
// token is good for reading only.
type nodeClaims struct {
	jwt.RegisteredClaims
	Body bodyHash
}

// of reports whether the claims can be those of a fresh token of that node.
func (c *nodeClaims) of(n bt.NodeID) bool {
	return c.Issuer == fmt.Sprintf("node/%d", n) && c.IssuedAt != nil && !c.ExpiresAt.Before(c.IssuedAt.Time) && c.ExpiresAt.Sub(c.IssuedAt.Time) <= maxJWTLife &&
		c.ID != "" && len(c.ID) <= maxJTI && nodeText(c.ID)
}

// nodeText reports whether a text is of visible ASCII signs only.
func nodeText(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' })
}

// claimNames are those that count. Nobody writes them in another case unless to be misread.
var claimNames = []string{"iss", "aud", "exp", "nbf", "iat", "jti", "body"}

// UnmarshalJSON reads claims strictly: dates are whole seconds, the audience is one, and each name is there
// once. Names that nobody here knows are passed over (RFC 7519 §4).
func (c *nodeClaims) UnmarshalJSON(data []byte) error {
	values, err := flatObject(data)
	if err != nil {
		return err
	}
	for name := range values {
		if slices.ContainsFunc(claimNames, func(n string) bool { return n != name && strings.EqualFold(n, name) }) {
			return fmt.Errorf("%w: claim %q", errNodeJSON, name)
		}
	}
	read := claimReader{values: values}
	c.Issuer, c.ID, c.Body = read.text("iss"), read.text("jti"), bodyHash(read.text("body"))
	c.ExpiresAt, c.IssuedAt, c.NotBefore = read.date("exp"), read.date("iat"), read.date("nbf")
	c.Audience = jwt.ClaimStrings{read.audience()}
	return read.err
}

// claimReader takes claims out of an object and remembers what was wrong with them.
type claimReader struct {
	values map[string]any
	err    error
}

func (r *claimReader) bad(name string) {
	r.err = errors.Join(r.err, fmt.Errorf("%w: claim %q", errNodeJSON, name))
}

// text is a claim that is a string; empty: it is not there.
func (r *claimReader) text(name string) string {
	value, there := r.values[name]
	text, ok := value.(string)
	if there && !ok {
		r.bad(name)
	}
	return text
}

// maxDate is beyond every date that a token can have, and safe to count with.
const maxDate = 1 << 40 // s after 1970

// date is a claim in whole seconds since 1970; nil: it is not there.
func (r *claimReader) date(name string) *jwt.NumericDate {
	value, there := r.values[name]
	if !there {
		return nil
	}
	number, _ := value.(json.Number)
	n, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil || n < 0 || n > maxDate {
		r.bad(name)
		return nil
	}
	return jwt.NewNumericDate(time.Unix(n, 0))
}

// audience is the only one: a token that others take too could be spent at one for the other.
func (r *claimReader) audience() string {
	switch aud := r.values["aud"].(type) {
	case string:
		return aud
	case []string:
		if len(aud) == 1 {
			return aud[0]
		}
	}
	r.bad("aud")
	return ""
}

// flatObject reads a JSON object of strings, numbers, booleans and lists of strings, each name once and in
// UTF-8. It is for what encoding/json has found well-formed.
func flatObject(data []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') || !utf8.Valid(data) {
		return nil, errNodeJSON
	}
	out := map[string]any{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if _, twice := out[name]; err != nil || !ok || twice {
			return nil, fmt.Errorf("%w: name %q", errNodeJSON, name)
		}
		if out[name], err = flatValue(d); err != nil {
			return nil, fmt.Errorf("%w: value of %q", err, name)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, errNodeJSON
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNodeJSON
	}
	return out, nil
}

func flatValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, errNodeJSON
	}
	switch v := t.(type) {
	case string, json.Number, bool:
		return v, nil
	case json.Delim:
		if v == '[' {
			return flatList(d)
		}
	}
	return nil, errNodeJSON
}

// flatList reads the rest of a list.
func flatList(d *json.Decoder) ([]string, error) {
	out := []string{}
	for {
		t, err := d.Token()
		if err != nil {
			return nil, errNodeJSON
		}
		switch v := t.(type) {
		case string:
			out = append(out, v)
			continue
		case json.Delim:
			if v == ']' {
				return out, nil
			}
		}
		return nil, errNodeJSON
	}
}
