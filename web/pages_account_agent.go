package web

import (
	"net/http"
	"strings"
)

// Words for browsers and systems, by what their user agents hold. The first that fits counts: browsers
// name those whose engine they use.
var (
	agentBrowsers = [][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser", "Samsung Internet"}, {"Vivaldi", "Vivaldi"}, {"FxiOS", "Firefox"},
		{"Firefox/", "Firefox"}, {"CriOS", "Chrome"}, {"Chromium", "Chromium"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"}, {"Go-http-client", "a Go program"}}
	agentSystems = [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"CrOS", "ChromeOS"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"},
		{"FreeBSD", "FreeBSD"}, {"OpenBSD", "OpenBSD"}, {"Linux", "Linux"}}
)

// agentWords says in words which browser a user agent is. Nothing of what a client sent is in it.
func agentWords(agent string) string {
	browser, system := wordFor(agent, agentBrowsers), wordFor(agent, agentSystems)
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser != "":
		return browser
	case system != "":
		return "a program on " + system
	}
	return "an unknown program"
}

func wordFor(agent string, words [][2]string) string {
	for _, w := range words {
		if strings.Contains(agent, w[0]) {
			return w[1]
		}
	}
	return ""
}

// Bits of an address that a list of sessions keeps: the network, not the person in it.
const (
	coarseV4 = 24
	coarseV6 = 48
)

// coarseNetwork is where a request comes from, as far as it is kept; nothing if it is not known.
func (s *site) coarseNetwork(r *http.Request) string {
	a := s.ClientAddr(r).Unmap()
	bits := coarseV4
	if a.Is6() {
		bits = coarseV6
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}
