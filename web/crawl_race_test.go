//go:build race

package web_test

// raced: the race detector makes parsing ten times as slow, and finds nothing in texts that one after the other are
// sent. The crawl sends the worst of them only.
const raced = true
