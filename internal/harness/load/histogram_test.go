package load

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogram_QuantilesAreWithinThreePercent(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var whole, half histogram
	var exact []time.Duration
	for i := range 20000 {
		d := time.Duration(random.ExpFloat64() * float64(20*time.Millisecond))
		exact = append(exact, d)
		if i%2 == 0 {
			whole.add(d)
		} else {
			half.add(d)
		}
	}
	whole.merge(&half)
	slices.Sort(exact)
	for _, q := range []float64{0, .5, .95, .99, .999} {
		want := exact[int(q*float64(len(exact)))]
		if got := whole.quantile(q); got < want || float64(got) > float64(want)*1.032+1000 {
			t.Errorf("quantile %v is %s, want %s or up to 3 %% more", q, got, want)
		}
	}
	if got, want := whole.quantile(1), exact[len(exact)-1]; got != want {
		t.Errorf("quantile 1 is %s, want the longest, %s", got, want)
	}
}

func TestHistogram_EveryDurationLiesInItsBucket(t *testing.T) {
	for us := int64(0); us < 1<<33; us += 1 + us/100 {
		d := time.Duration(us) * time.Microsecond
		i := bucketOf(d)
		if d >= bucketEnd(i) || (i > 0 && d < bucketEnd(i-1)) {
			t.Fatalf("%s is in bucket %d, which ends at %s", d, i, bucketEnd(i))
		}
	}
}

func TestHistogram_EmptyAndExtremeValues(t *testing.T) {
	var h histogram
	if got := h.quantile(.5); got != 0 {
		t.Errorf("median of nothing is %s, want 0", got)
	}
	h.add(-time.Second)
	h.add(time.Duration(1<<63 - 1))
	if got := h.quantile(1); got != 1<<63-1 {
		t.Errorf("got %s", got)
	}
}

func TestPace_SlotsAreEvenAndMissedOnesAreLost(t *testing.T) {
	var p pace
	p.limit(10)
	start := time.Unix(0, 0)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	steps := []struct{ now, want time.Duration }{
		{0, 0},
		{0, 100 * time.Millisecond},
		{0, 200 * time.Millisecond},
		{time.Second, time.Second},
		{time.Second, 1100 * time.Millisecond},
	}
	for _, s := range steps {
		if got := p.slot(at(s.now)); !got.Equal(at(s.want)) {
			t.Errorf("slot at %s is %s, want %s", s.now, got.Sub(start), s.want)
		}
	}
	var free pace
	if got := free.slot(start); !got.Equal(start) {
		t.Errorf("without a limit: %s, want now", got)
	}
}
