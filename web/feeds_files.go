package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// feedFilePath is where feeds lead to torrent files.
const feedFilePath = "/torznab/download/"

// Parts of a download key.
const (
	feedFileUse  = "swarmstake/download/1"
	feedFileMark = 18 // bytes of the HMAC
)

// feedFileKey is what fetches one torrent file in the name of one member: the member's number, and an HMAC of the
// info-hash under their feed key. Nothing is stored: whoever replaces the feed key ends all of these at once, and
// who finds one in a log gets that one file.
func feedFileKey(m bt.MemberID, key string, h bt.InfoHash) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(feedFileUse))
	mac.Write(h[:])
	return strconv.FormatInt(int64(m), 10) + "-" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:feedFileMark])
}

// feedFileAddress is where a reader fetches a torrent file. The name in it is for people.
func (s *site) feedFileAddress(t store.Torrent, reader feedReader) string {
	return s.BaseURL + feedFilePath + t.InfoHash.String() + "/" + url.PathEscape(fileName(t.Name)+".torrent") + "?key=" + feedFileKey(reader.ID, reader.key, t.InfoHash)
}

// feedFile sends a torrent file to who has the key to it. Whether the torrent is here is looked at afterwards: that
// is for members to know.
func (s *site) feedFile(w http.ResponseWriter, r *http.Request) error {
	h, err := bt.ParseInfoHash(chi.URLParam(r, "infohash"))
	if err != nil {
		return errNoRoute
	}
	m, err := s.feedFileMember(r, h)
	if err != nil {
		return err
	}
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	return s.sendFile(w, r.WithContext(context.WithValue(r.Context(), visitorKey{}, visitor{member: &m})), t)
}

// feedFileMember is the member whose key the request carries.
func (s *site) feedFileMember(r *http.Request, h bt.InfoHash) (store.Member, error) {
	given := r.URL.Query().Get("key")
	number, _, _ := strings.Cut(given, "-")
	id, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return store.Member{}, s.wrongFeedKey(r)
	}
	k, err := s.Store.FeedKey(r.Context(), bt.MemberID(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && !hmac.Equal([]byte(given), []byte(feedFileKey(bt.MemberID(id), k.Key, h))) {
		return store.Member{}, s.wrongFeedKey(r)
	}
	if err != nil {
		return store.Member{}, err
	}
	m, err := s.Store.Member(r.Context(), bt.MemberID(id))
	if err == nil {
		err = s.mayRead(m, s.feeds.files)
	}
	return m, err
}
