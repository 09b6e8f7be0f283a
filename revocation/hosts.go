// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// A HostPolicy returns an error for a host that must not be asked. Host is that
// of the URL in the certificate, in lower case, with its port unless that is the
// scheme's own. It must be safe for concurrent use.
type HostPolicy func(ctx context.Context, host string) error

// AllowHosts allows exactly the hosts given, each host or host:port. A host
// without a port, or with port 80 or 443, is allowed on port 80 for http and 443
// for https only. An IP address that is listed is allowed whatever it is; a name
// is never asked at an address of loopback, link-local or multicast, whatever it
// resolves to.
func AllowHosts(hosts ...string) HostPolicy {
	allowed, list := make(map[string]bool, len(hosts)), listed(hosts)
	for _, host := range hosts {
		host = strings.ToLower(host)
		allowed[strings.TrimSuffix(strings.TrimSuffix(host, ":80"), ":443")] = true
	}
	return func(_ context.Context, host string) error {
		if !allowed[host] {
			return fmt.Errorf("%q is not on the list%s", host, list)
		}
		return nil
	}
}

// listed writes the first of a list's hosts as its user wrote them.
func listed(hosts []string) string {
	const most = 4
	if len(hosts) == 0 {
		return ", which is empty"
	}
	var quoted []string
	for _, host := range hosts[:min(len(hosts), most)] {
		quoted = append(quoted, quote(host))
	}
	text := ": " + strings.Join(quoted, ", ")
	if more := len(hosts) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// RewriteHost returns a Rewrite for HTTPFetcher that sends every request to the
// scheme and host of base, a mirror for instance, with the path and the query as
// they are.
func RewriteHost(base string) func(*url.URL) (*url.URL, error) {
	to, err := url.Parse(base)
	if err == nil && (to.Scheme != "http" && to.Scheme != "https" || to.Host == "" || to.User != nil ||
		to.Path != "" && to.Path != "/" || to.RawQuery != "" || to.Fragment != "") {
		err = fmt.Errorf("%q is not a scheme, http or https, and a host", base)
	}
	return func(from *url.URL) (*url.URL, error) {
		if err != nil {
			return nil, err
		}
		rewritten := *from
		rewritten.Scheme, rewritten.Host = to.Scheme, to.Host
		return &rewritten, nil
	}
}

// hostOf returns what a HostPolicy is asked about.
func hostOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch port := u.Port(); {
	case port == "80" && u.Scheme == "http", port == "443" && u.Scheme == "https":
		host = strings.TrimSuffix(host, ":"+port)
	}
	return host
}

// refuseSpecial is a net.Dialer's Control: it sees the address that a name has
// resolved to, so that a name cannot change between check and use.
func refuseSpecial(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHostNotAllowed, err)
	}
	ip := plainAddress(at.Addr())
	if ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() || ip.IsInterfaceLocalMulticast() ||
		ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) || translatesToLocal(ip) {
		return fmt.Errorf("%w: the name resolves to the address %s", ErrHostNotAllowed, ip)
	}
	return nil
}

// localTranslation is for translators that a network runs for itself (RFC 8215).
// How long its own prefix within this one is, only that network knows, and with it
// where the IPv4 address stands (RFC 6052 section 2.2).
var localTranslation = netip.MustParsePrefix("64:ff9b:1::/48")

// translatesToLocal reports whether one of the IPv4 addresses that such an address
// may stand for is the translator's own host or link.
func translatesToLocal(ip netip.Addr) bool {
	if !localTranslation.Contains(ip.WithZone("")) {
		return false
	}
	b := ip.As16()
	for _, v4 := range [][4]byte{{b[6], b[7], b[9], b[10]}, {b[7], b[9], b[10], b[11]}, {b[9], b[10], b[11], b[12]}, {b[12], b[13], b[14], b[15]}} {
		if at := netip.AddrFrom4(v4); at.IsLoopback() || at.IsLinkLocalUnicast() {
			return true
		}
	}
	return false
}

// plainAddress returns the IPv4 address that an IPv6 one stands for, mapped (RFC
// 4291 section 2.5.5) or to be translated (RFC 6052 section 2.1).
func plainAddress(ip netip.Addr) netip.Addr {
	ip = ip.Unmap()
	if ip.Is4() || ip.IsLoopback() || ip.IsUnspecified() {
		return ip
	}
	for _, prefix := range []string{"::/96", "64:ff9b::/96"} {
		if netip.MustParsePrefix(prefix).Contains(ip.WithZone("")) {
			b := ip.As16()
			return netip.AddrFrom4([4]byte(b[12:]))
		}
	}
	return ip
}
