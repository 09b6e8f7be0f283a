// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

// An Encoding says how the URL of a request stands behind that of the SSP.
type Encoding int

const (
	// EncodingByInteraction is EncodingPercent for the NRL's interactions and
	// EncodingPlain for others.
	EncodingByInteraction Encoding = iota

	// EncodingPercent makes the URL one percent-encoded path segment, as the NRL's
	// retrieval page has it.
	EncodingPercent

	// EncodingPlain appends the URL as it is, as GP Connect's pages have it:
	// https://[ssp]/https://[provider]/[path].
	EncodingPlain
)

// plain reports whether URLs of that interaction are appended as they are.
func (e Encoding) plain(interaction InteractionID) bool {
	return e == EncodingPlain || e == EncodingByInteraction && !strings.HasPrefix(string(interaction), nrlPrefix)
}

// wireURL returns u as it can be written on the wire, and whether it is wrapped
// already, as URLs of the scheme ssp are. What would be lost, be read in two ways
// or go to the wrong end is refused.
func wireURL(u, ssp *url.URL) (*url.URL, bool, error) {
	if u != nil && u.Scheme == "ssp" {
		return sspURL(u, ssp)
	}
	clean, err := plainHTTPS(u)
	return clean, false, err
}

// sspURL makes of ssp://[ssp]/[percent-encoded record URL] a URL of the SSP's.
func sspURL(u, ssp *url.URL) (*url.URL, bool, error) {
	if ssp == nil || !strings.EqualFold(u.Host, ssp.Host) {
		return nil, false, &RequestError{Rule: RuleRequest, Detail: "has a URL of the scheme ssp that names another host than the SSP's"}
	}
	if anyReading(u.Path, climbs) {
		return nil, false, &RequestError{Rule: RuleRequest, Detail: "has a URL of the scheme ssp with dot segments"}
	}
	https := *u
	https.Scheme, https.Host = "https", ssp.Host
	clean, err := plainHTTPS(&https)
	return clean, true, err
}

// recordIn returns the URL of the record that follows the SSP's in u, or u if there is
// none.
func recordIn(u *url.URL) *url.URL {
	record, err := url.Parse(strings.TrimPrefix(u.Path, "/"))
	if err == nil {
		record, err = plainHTTPS(record)
	}
	if err != nil {
		return u
	}
	return record
}

// plainHTTPS refuses a URL whose parts would be lost or sent to the wrong end, and
// returns it with a query that can be written as it is.
func plainHTTPS(u *url.URL) (*url.URL, error) {
	refuse := func(detail string) (*url.URL, error) {
		return nil, &RequestError{Rule: RuleRequest, Detail: "has a URL " + detail}
	}
	switch {
	case u == nil || u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		return refuse("that is not https with a host")
	case u.User != nil:
		return refuse("with user information")
	case !wireHost(u.Host):
		return refuse("whose host is not in the form of the wire: IDNA, without percent-encoding")
	case u.Path != "" && u.Path[0] != '/':
		return refuse("whose path does not begin with a slash")
	case u.RawPath != "" && u.EscapedPath() != u.RawPath:
		return refuse("whose path cannot be sent as it is written")
	case u.Fragment != "" || u.RawFragment != "":
		return refuse("with a fragment")
	}
	query, ok := wireQuery(u.RawQuery)
	if !ok {
		return refuse("with a malformed query")
	}
	clean := *u
	clean.RawQuery = query
	return &clean, nil
}

// wireHost reports whether the host can be written as it is: letters, digits and
// what names, ports and addresses have besides.
func wireHost(host string) bool {
	for i := 0; i < len(host); i++ {
		if c := host[i]; !ascii.Alphanumeric(c) && strings.IndexByte("-._:[]", c) < 0 {
			return false
		}
	}
	return true
}

// wireQuery percent-encodes what a query (RFC 3986 section 3.4) cannot have, such
// as the vertical bar of a FHIR token. An encoding that is none is refused.
func wireQuery(query string) (string, bool) {
	if pchars(query, "/?") {
		return query, true
	}
	var b strings.Builder
	for i := 0; i < len(query); i++ {
		switch c := query[i]; {
		case c == '%' && !pchars(query[i:min(i+3, len(query))], ""):
			return "", false
		case c < ' ' || c == 0x7F:
			return "", false
		case c == '%' || pchars(query[i:i+1], "/?"):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String(), true
}

// behind returns the URL of the record as the SSP wants it. Without RawPath the
// encoded slashes would reach the wire as plain ones.
func behind(ssp, record *url.URL, plain bool) (*url.URL, error) {
	u := *ssp
	var target string
	if plain {
		// Behind the SSP's URL they could lead out of the record's.
		if anyReading(record.Path, climbs) {
			return nil, &RequestError{Rule: RuleRequest, Detail: "has a URL with dot segments"}
		}
		target = record.Scheme + "://" + record.Host + record.EscapedPath()
		u.RawQuery, u.ForceQuery = record.RawQuery, record.ForceQuery
	} else {
		// QueryEscape leaves no reserved character, and makes of a blank a plus sign,
		// which is no blank in a path.
		target = strings.ReplaceAll(url.QueryEscape(record.String()), "+", "%20")
	}
	u.RawPath = strings.TrimSuffix(ssp.EscapedPath(), "/") + "/" + target
	// A RawPath that is not an encoding of Path would be ignored.
	var err error
	u.Path, err = url.PathUnescape(u.RawPath)
	return &u, err
}
