// SPDX-License-Identifier: Apache-2.0

package der

import "strings"

// NormalURI returns the form in which URIs are compared (RFC 5280 section 7.4,
// which refers to RFC 3987 section 5.3): scheme and host without case, the
// default port left out, percent-encoded octets that need no encoding decoded
// and the others in capitals, dot segments removed, an empty path of a server
// written as "/". The path's case counts, and http is not https. What is no URI
// with a scheme is compared octet by octet.
func NormalURI(uri string) string {
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok || !isScheme(scheme) {
		return uri
	}
	scheme = lowerASCII(scheme)
	rest, ok = normalPercents(rest)
	if !ok {
		return uri
	}
	if !strings.HasPrefix(rest, "//") {
		return scheme + ":" + rest
	}
	rest = rest[2:]
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, rest := rest[:end], rest[end:]
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[:at+1] + lowerASCII(authority[at+1:])
	} else {
		authority = lowerASCII(authority)
	}
	for stripped := ""; stripped != authority; {
		stripped = authority
		authority = strings.TrimSuffix(strings.TrimSuffix(authority, ":"), defaultPorts[scheme])
	}
	end = strings.IndexAny(rest, "?#")
	if end < 0 {
		end = len(rest)
	}
	path, rest := removeDots(rest[:end]), rest[end:]
	if path == "" {
		path = "/"
	}
	return scheme + "://" + authority + path + rest
}

// defaultPorts are the ports that a URI of each scheme has without saying so.
var defaultPorts = map[string]string{"http": ":80", "https": ":443", "ldap": ":389", "ldaps": ":636"}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if 'a' <= c && c <= 'z' || i > 0 && ('0' <= s[i] && s[i] <= '9' || s[i] == '+' || s[i] == '-' || s[i] == '.') {
			continue
		}
		return false
	}
	return s != ""
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}

// normalPercents decodes the unreserved characters of RFC 3986 section 2.3 and
// writes all other percent-encodings in capitals.
func normalPercents(s string) (string, bool) {
	if !strings.Contains(s, "%") {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		high, low := hexDigit(s[i+1]), hexDigit(s[i+2])
		if high > 15 || low > 15 {
			return "", false
		}
		c := high<<4 | low
		if l := c | 0x20; 'a' <= l && l <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~' {
			b = append(b, c)
		} else {
			b = append(b, '%', "0123456789ABCDEF"[high], "0123456789ABCDEF"[low])
		}
		i += 2
	}
	return string(b), true
}

func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// removeDots removes dot segments (RFC 3986 section 5.2.4) of a path that is
// empty or begins with a slash.
func removeDots(path string) string {
	if !strings.Contains(path, "/.") {
		return path
	}
	segments := strings.Split(path[1:], "/")
	var kept []string
	for i, segment := range segments {
		last := i == len(segments)-1
		switch segment {
		case ".":
			if last {
				kept = append(kept, "")
			}
		case "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
			if last {
				kept = append(kept, "")
			}
		default:
			kept = append(kept, segment)
		}
	}
	return "/" + strings.Join(kept, "/")
}
