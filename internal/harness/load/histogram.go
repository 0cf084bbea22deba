package load

import (
	"math/bits"
	"time"
)

// subBuckets is how many buckets there are between a power of two and the
// next: a value is known to 1/32, about 3 %.
const subBuckets = 32

// histogram counts durations in buckets of equal relative width, so that a run
// of any length needs the same little memory. The unit is a microsecond.
type histogram struct {
	buckets [32 * subBuckets]int64
	count   int64
	longest time.Duration
}

func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(d)]++
	h.count++
	h.longest = max(h.longest, d)
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
	h.count += o.count
	h.longest = max(h.longest, o.longest)
}

// quantile returns the duration that the share q of all values does not
// exceed, rounded up to the end of its bucket; 0 when there is no value.
func (h *histogram) quantile(q float64) time.Duration {
	rank := int64(q * float64(h.count))
	for i, n := range h.buckets {
		if rank -= n; rank < 0 {
			return min(bucketEnd(i), h.longest)
		}
	}
	return h.longest
}

func bucketOf(d time.Duration) int {
	us := uint64(max(0, d.Microseconds()))
	if us < subBuckets {
		return int(us)
	}
	shift := bits.Len64(us) - bits.Len64(subBuckets)
	i := shift*subBuckets + int(us>>shift)
	return min(i, 32*subBuckets-1)
}

// bucketEnd is the first duration that is not in bucket i any more.
func bucketEnd(i int) time.Duration {
	if i < subBuckets {
		return time.Duration(i+1) * time.Microsecond
	}
	shift := i/subBuckets - 1
	return time.Duration((i-shift*subBuckets+1)<<shift) * time.Microsecond
}
