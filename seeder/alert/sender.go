package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxPending bounds the alerts that wait for delivery; past it the oldest is dropped.
	maxPending = 100
	// maxTries bounds the tries of one alert: with the pauses below, about a day.
	maxTries = 30
	// firstPause is the pause after a failed try; it doubles up to maxPause.
	firstPause = 5 * time.Second
	maxPause   = time.Hour
	// sendTimeout bounds one try, maxAnswer what is read of the answer.
	sendTimeout = 15 * time.Second
	maxAnswer   = 64 << 10
)

// Config makes a Sender.
type Config struct {
	URL       string       // of the webhook, a secret; empty: alerts are dropped
	UserAgent string       // program and version
	Changed   func()       // called after each delivery or drop: time to keep Pending; nil: nobody
	Log       *slog.Logger // nil: discarded
}

// Sender delivers alerts to a webhook one after the other, in order. It is safe for concurrent use.
type Sender struct {
	cfg   Config
	http  *http.Client
	wake  chan struct{} // something to send
	moved chan struct{} // another address: no reason to wait any longer

	mu      sync.Mutex
	url     *url.URL // nil: none
	pending []Alert
}

// NewSender checks the address and sends nothing yet: Run does.
func NewSender(cfg Config) (*Sender, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	s := &Sender{cfg: cfg, wake: make(chan struct{}, 1), moved: make(chan struct{}, 1), http: &http.Client{
		Timeout: sendTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if err := s.SetURL(cfg.URL); err != nil {
		return nil, err
	}
	return s, nil
}

// CheckURL tells what is wrong with a webhook's address, without repeating it.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || len(raw) > 2048 {
		return errors.New("webhook address: want https://host/path as the chat shows it")
	}
	return nil
}

// SetURL sends everything from now on elsewhere; empty: nowhere, and what waits is dropped. A wrong
// address is an error and changes nothing.
func (s *Sender) SetURL(raw string) error {
	if raw != "" {
		if err := CheckURL(raw); err != nil {
			return err
		}
	}
	to, _ := url.Parse(raw) // checked
	s.mu.Lock()
	defer s.mu.Unlock()
	if raw == "" {
		s.url, s.pending = nil, nil
		return nil
	}
	if s.url != nil && s.url.String() == to.String() {
		return nil // the pauses go on
	}
	s.url = to
	poke(s.wake)
	poke(s.moved)
	return nil
}

// Send queues alerts. It never blocks; without an address it drops them.
func (s *Sender) Send(alerts ...Alert) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.url == nil {
		return
	}
	s.pending = append(s.pending, alerts...)
	if over := len(s.pending) - maxPending; over > 0 {
		s.pending = slices.Clone(s.pending[over:])
		s.cfg.Log.Warn("too many alerts wait for the webhook, the oldest are dropped", "dropped", over)
	}
	poke(s.wake)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Pending are the alerts that are not delivered yet, oldest first.
func (s *Sender) Pending() []Alert {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.pending)
}

// Run delivers until ctx ends. What is not delivered then stays in Pending.
func (s *Sender) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		}
		for s.deliverOne(ctx) {
			s.cfg.Changed()
		}
	}
}

// head is the oldest alert and where it goes.
func (s *Sender) head() (a Alert, to *url.URL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) == 0 {
		return a, nil
	}
	return s.pending[0], s.url
}

// deliverOne tries the oldest alert until it is through or given up; false: there is none, or the
// context ended.
func (s *Sender) deliverOne(ctx context.Context) bool {
	pause := firstPause
	for try := 1; ; try++ {
		select {
		case <-s.moved: // the address read next is the new one
		default:
		}
		a, to := s.head()
		if to == nil {
			return false
		}
		again, err := s.post(ctx, to, a)
		if ctx.Err() != nil {
			return false
		}
		if err == nil || again < 0 || try == maxTries {
			if err != nil {
				s.cfg.Log.Warn("an alert could not be delivered to the webhook and is given up", "kind", a.Kind, "tries", try, "error", err)
			}
			s.drop(a)
			return true
		}
		s.cfg.Log.Info("the webhook did not take an alert, it is tried again", "kind", a.Kind, "again_in", max(pause, again), "error", err)
		select {
		case <-ctx.Done():
			return false
		case <-s.moved:
		case <-time.After(max(pause, again)):
		}
		pause = min(2*pause, maxPause)
	}
}

// drop takes an alert from the head of the queue, unless it was pushed out meanwhile.
func (s *Sender) drop(a Alert) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) > 0 && s.pending[0].At.Equal(a.At) && s.pending[0].Text == a.Text {
		s.pending = slices.Clone(s.pending[1:])
	}
}

// body is what is sent: the alert itself, and its text under the names that Slack and Mattermost
// (text) and Discord (content) show. Nobody is called by a torrent's name.
type body struct {
	Alert
	Content  string   `json:"content"`
	Mentions mentions `json:"allowed_mentions"`
}

type mentions struct {
	Parse []string `json:"parse"`
}

// post tries once. again < 0: trying again is of no use; otherwise it is the pause that the other
// side wants.
func (s *Sender) post(ctx context.Context, to *url.URL, a Alert) (again time.Duration, err error) {
	raw, err := json.Marshal(body{Alert: a, Content: a.Text, Mentions: mentions{Parse: []string{}}})
	if err != nil {
		return -1, fmt.Errorf("encoding the alert: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(raw))
	if err != nil {
		return -1, errors.New("the webhook's address cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", s.cfg.UserAgent)
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, errors.New(redact(err, to))
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // so that the connection can be used again
	switch {
	case resp.StatusCode/100 == 2:
		return 0, nil
	case resp.StatusCode/100 == 3:
		return -1, fmt.Errorf("it answered %d, a redirect, which is not followed: set the address that it leads to", resp.StatusCode)
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout || resp.StatusCode >= 500:
		return retryAfter(resp.Header.Get("Retry-After")), fmt.Errorf("it answered %d", resp.StatusCode)
	}
	return -1, fmt.Errorf("it answered %d: is the address still right?", resp.StatusCode)
}

func retryAfter(seconds string) time.Duration {
	n, err := strconv.ParseInt(seconds, 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, maxPause)
}

// redact is an error's text without the address, whose path is a password and whose host may hold one.
func redact(err error, to *url.URL) string {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	text := err.Error()
	for _, secret := range []string{to.String(), to.RequestURI(), to.Path, to.RawQuery, to.Host, to.Hostname()} {
		if len(secret) > 1 {
			text = strings.ReplaceAll(text, secret, "(webhook)")
		}
	}
	return text
}
