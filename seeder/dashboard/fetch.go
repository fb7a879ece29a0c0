package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// maxStatus bounds what Fetch reads: 100,000 torrents and more.
	maxStatus = 64 << 20
	// fetchTimeout bounds the whole question.
	fetchTimeout = 15 * time.Second
)

// Fetch asks a running daemon for its View. addr is what the daemon wrote down: http://IP:port or
// IP:port, with or without a line's end.
func Fetch(ctx context.Context, addr string) (v View, err error) {
	addr = strings.TrimPrefix(strings.TrimSpace(addr), "http://")
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/status.json", nil)
	if err != nil {
		return v, fmt.Errorf("dashboard address %q: want IP:port", addr)
	}
	// Not the default transport: a proxy of the environment has no business with this machine's figures.
	transport := &http.Transport{DisableKeepAlives: true}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return v, fmt.Errorf("asking the daemon: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return v, fmt.Errorf("asking the daemon: %s answered %s; is it another program's port?", addr, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxStatus+1))
	if err == nil && len(body) > maxStatus {
		err = fmt.Errorf("it is larger than %d bytes", maxStatus)
	}
	if err == nil {
		err = json.Unmarshal(body, &v)
	}
	if err == nil && v.At.IsZero() {
		err = errors.New("it is not a node's status")
	}
	if err != nil {
		return View{}, fmt.Errorf("reading the daemon's answer: %w", err)
	}
	return v, nil
}
