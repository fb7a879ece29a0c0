package front

import (
	"net/http"
	"strconv"
	"time"
)

// headSpace is what an answer keeps free in front of its body for status line and headers.
const headSpace = 256

// heads holds the ready-made heads of answers, as net/http writes them: the handler's headers
// sorted, then Date, then Connection. The Date is renewed once a second.
type heads struct {
	second int64
	heads  [4]head // by variant
}

// head is a response head around its Content-Length.
type head struct {
	before string
	after  []byte
}

const (
	keepVariant   = 1
	http10Variant = 2
	dateLen       = len(http.TimeFormat)
	afterDate     = len("\r\nContent-Type: text/plain; charset=utf-8\r\nDate: ")
)

// connectionLines are what net/http adds, by variant: it names what is not the version's habit.
var connectionLines = [4]string{"Connection: close\r\n", "", "", "Connection: keep-alive\r\n"}

func newHeads(now time.Time) *heads {
	h := &heads{}
	for i := range h.heads {
		version := "HTTP/1.1"
		if i&http10Variant != 0 {
			version = "HTTP/1.0"
		}
		h.heads[i] = head{
			before: version + " 200 OK\r\nCache-Control: no-store\r\nContent-Length: ",
			after: []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nDate: " + http.TimeFormat + "\r\n" +
				connectionLines[i] + "\r\n"),
		}
	}
	h.setDate(now)
	return h
}

// setDate is called with the time of every wake-up and does something once a second.
func (h *heads) setDate(now time.Time) {
	if now.Unix() == h.second {
		return
	}
	h.second = now.Unix()
	for i := range h.heads {
		date := h.heads[i].after[afterDate : afterDate+dateLen]
		now.UTC().AppendFormat(date[:0], http.TimeFormat)
	}
}

// finish puts the head into the headSpace bytes that b starts with, right before the body, and
// returns the message. It holds for any body: a length has at most 20 digits.
func (h *heads) finish(b []byte, http10, keep bool) []byte {
	variant := 0
	if keep {
		variant |= keepVariant
	}
	if http10 {
		variant |= http10Variant
	}
	hd := &h.heads[variant]
	at := headSpace - len(hd.after)
	copy(b[at:], hd.after)
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], int64(len(b)-headSpace), 10)
	at -= len(d)
	copy(b[at:], d)
	at -= len(hd.before)
	copy(b[at:], hd.before)
	return b[at:]
}

// Refusals that end the connection. The 431 is net/http's.
const (
	errorHeaders   = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
	tooLargeAnswer = "HTTP/1.1 431 Request Header Fields Too Large" + errorHeaders +
		"\r\n431 Request Header Fields Too Large"
	overloadAnswer = "HTTP/1.1 503 Service Unavailable" + errorHeaders + "Retry-After: " + retryAfter +
		"\r\n\r\ntracker is overloaded, try again later\n"
)
