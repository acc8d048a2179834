//! Vectors of 32-bit numbers, in the widths that processors have.

#![allow(
    unsafe_code,
    reason = "vector instructions take pointers, and only some processors have them"
)]

/// A width of vectors. All functions are to be inlined into one that was compiled for processors
/// that have them, which is what makes calling them unsafe.
pub trait Simd: Copy {
    /// A vector.
    type Vector: Copy;
    /// Which lanes are meant.
    type Mask: Copy;
    /// Numbers in a vector.
    const LANES: usize;
    /// Whether there are 32 registers of this width, not 16.
    const WIDE: bool;
    /// The same number in each lane.
    unsafe fn splat(value: f32) -> Self::Vector;
    /// The first `lanes` lanes.
    unsafe fn mask(lanes: usize) -> Self::Mask;
    /// As many numbers as there are lanes.
    unsafe fn load(from: *const f32) -> Self::Vector;
    /// Zero in the lanes that are not meant, whose memory is not touched.
    unsafe fn load_part(from: *const f32, mask: Self::Mask) -> Self::Vector;
    /// The reverse of `load`.
    unsafe fn store(to: *mut f32, vector: Self::Vector);
    /// The reverse of `load_part`.
    unsafe fn store_part(to: *mut f32, mask: Self::Mask, vector: Self::Vector);
    /// Says that this place will be read soon; it need not exist.
    unsafe fn prefetch(at: *const f32);
    /// a · b + c, rounded once.
    unsafe fn fused(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// a + b
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a − b
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// a · b
    unsafe fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// max(x, 0), and NaN where x is NaN.
    unsafe fn relu(x: Self::Vector) -> Self::Vector;
    /// The sum of sixteen numbers, in the first vector if that holds as many: one half is added to the
    /// other until one number is left.
    unsafe fn sum(sixteen: [Self::Vector; 2]) -> f32;
}

/// Compiles a function for each width and calls the widest that the processor has: `dispatch!(name,
/// inner, (argument: Type, …))` makes `unsafe fn name` of a generic `inner`.
#[cfg(target_arch = "x86_64")]
macro_rules! dispatch {
    ($name:ident, $inner:ident, ($($argument:ident: $kind:ty),*)) => {
        unsafe fn $name($($argument: $kind),*) {
            #[target_feature(enable = "avx512f,avx512vl,fma")]
            unsafe fn wide($($argument: $kind),*) {
                // SAFETY: compiled for these instructions.
                unsafe { $inner::<crate::kernels::simd::Avx512>($($argument),*) }
            }
            #[target_feature(enable = "avx2,fma")]
            unsafe fn narrow($($argument: $kind),*) {
                // SAFETY: compiled for these instructions.
                unsafe { $inner::<crate::kernels::simd::Avx2>($($argument),*) }
            }
            // SAFETY: asked before; and `available` has said that there is one of the two.
            unsafe {
                if crate::kernels::simd::is_wide() {
                    wide($($argument),*);
                } else {
                    narrow($($argument),*);
                }
            }
        }
    };
}

/// Elsewhere there is one width.
#[cfg(not(target_arch = "x86_64"))]
macro_rules! dispatch {
    ($name:ident, $inner:ident, ($($argument:ident: $kind:ty),*)) => {
        unsafe fn $name($($argument: $kind),*) {
            // SAFETY: as the caller promises.
            unsafe { $inner::<crate::kernels::simd::Plain>($($argument),*) }
        }
    };
}

pub(super) use dispatch;

/// Whether the processor multiplies and adds in one instruction, without which the loops made of
/// these vectors would be slower than burn's own.
pub fn available() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        cfg!(target_arch = "aarch64")
    }
}

/// Says that these bytes will be read soon: where they are is nothing that a processor could guess.
pub fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: it reads nothing, and all processors of this kind have it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// Writes the transpose of the whole blocks of 8 by 8 in [rows, columns] to [columns, rows]; whether it
/// can.
///
/// # Safety
/// Both have room for rows · columns numbers.
pub unsafe fn transpose_blocks(
    from: *const f32,
    to: *mut f32,
    rows: usize,
    columns: usize,
) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        if available() {
            // SAFETY: asked just now; and as the caller promises.
            unsafe { x86::transpose_blocks(from, to, rows, columns) }
            return true;
        }
    }
    let _ = (from, to, rows, columns);
    false
}

/// Makes processors that have the wider vectors work with the narrower ones, for all threads: no number
/// may depend on it.
#[cfg(test)]
pub static NARROW: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512, is_wide};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Simd;
    use std::arch::x86_64::*;

    /// Whether the processor has the wider of the two.
    pub fn is_wide() -> bool {
        #[cfg(test)]
        if super::NARROW.load(std::sync::atomic::Ordering::Relaxed) {
            return false;
        }
        is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl")
    }

    /// See [`super::transpose_blocks`].
    #[target_feature(enable = "avx2")]
    pub unsafe fn transpose_blocks(from: *const f32, to: *mut f32, rows: usize, columns: usize) {
        for row in (0..rows / 8 * 8).step_by(8) {
            for column in (0..columns / 8 * 8).step_by(8) {
                // SAFETY: the block is within both.
                unsafe {
                    let line = |i: usize| _mm256_loadu_ps(from.add((row + i) * columns + column));
                    // Pairs of rows, then fours, then all eight.
                    let low = |i| _mm256_unpacklo_ps(line(i), line(i + 1));
                    let high = |i| _mm256_unpackhi_ps(line(i), line(i + 1));
                    let (a, b) =
                        ([low(0), low(2), low(4), low(6)], [high(0), high(2), high(4), high(6)]);
                    let first = |x, y| _mm256_shuffle_ps::<0b01_00_01_00>(x, y);
                    let last = |x, y| _mm256_shuffle_ps::<0b11_10_11_10>(x, y);
                    let top =
                        [first(a[0], a[1]), last(a[0], a[1]), first(b[0], b[1]), last(b[0], b[1])];
                    let bottom =
                        [first(a[2], a[3]), last(a[2], a[3]), first(b[2], b[3]), last(b[2], b[3])];
                    for i in 0..4 {
                        let place = |i: usize| to.add((column + i) * rows + row);
                        let halves = (top[i], bottom[i]);
                        _mm256_storeu_ps(
                            place(i),
                            _mm256_permute2f128_ps::<0x20>(halves.0, halves.1),
                        );
                        _mm256_storeu_ps(
                            place(i + 4),
                            _mm256_permute2f128_ps::<0x31>(halves.0, halves.1),
                        );
                    }
                }
            }
        }
    }

    /// 8 lanes, 16 registers.
    #[derive(Clone, Copy)]
    pub struct Avx2;

    impl Simd for Avx2 {
        type Vector = __m256;
        type Mask = __m256i;
        const LANES: usize = 8;
        const WIDE: bool = false;

        #[inline(always)]
        unsafe fn splat(value: f32) -> __m256 {
            unsafe { _mm256_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn mask(lanes: usize) -> __m256i {
            unsafe {
                let number = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
                _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes as i32), number)
            }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m256 {
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn load_part(from: *const f32, mask: __m256i) -> __m256 {
            unsafe { _mm256_maskload_ps(from, mask) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, vector: __m256) {
            unsafe { _mm256_storeu_ps(to, vector) }
        }
        #[inline(always)]
        unsafe fn store_part(to: *mut f32, mask: __m256i, vector: __m256) {
            unsafe { _mm256_maskstore_ps(to, mask, vector) }
        }
        #[inline(always)]
        unsafe fn prefetch(at: *const f32) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
        }
        #[inline(always)]
        unsafe fn fused(a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn add(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn relu(x: __m256) -> __m256 {
            // The second operand is what comes out where one is NaN.
            unsafe { _mm256_max_ps(_mm256_setzero_ps(), x) }
        }
        #[inline(always)]
        unsafe fn sum([first, last]: [__m256; 2]) -> f32 {
            unsafe {
                let eight = _mm256_add_ps(first, last);
                let last = _mm256_extractf128_ps::<1>(eight);
                let four = _mm_add_ps(_mm256_castps256_ps128(eight), last);
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
            }
        }
    }

    /// 16 lanes, 32 registers.
    #[derive(Clone, Copy)]
    pub struct Avx512;

    impl Simd for Avx512 {
        type Vector = __m512;
        type Mask = __mmask16;
        const LANES: usize = 16;
        const WIDE: bool = true;

        #[inline(always)]
        unsafe fn splat(value: f32) -> __m512 {
            unsafe { _mm512_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn mask(lanes: usize) -> __mmask16 {
            ((1_u32 << lanes) - 1) as __mmask16
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m512 {
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn load_part(from: *const f32, mask: __mmask16) -> __m512 {
            unsafe { _mm512_maskz_loadu_ps(mask, from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, vector: __m512) {
            unsafe { _mm512_storeu_ps(to, vector) }
        }
        #[inline(always)]
        unsafe fn store_part(to: *mut f32, mask: __mmask16, vector: __m512) {
            unsafe { _mm512_mask_storeu_ps(to, mask, vector) }
        }
        #[inline(always)]
        unsafe fn prefetch(at: *const f32) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
        }
        #[inline(always)]
        unsafe fn fused(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
        #[inline(always)]
        unsafe fn add(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn relu(x: __m512) -> __m512 {
            unsafe { _mm512_max_ps(_mm512_setzero_ps(), x) }
        }
        #[inline(always)]
        unsafe fn sum([sixteen, _]: [__m512; 2]) -> f32 {
            unsafe {
                let first = _mm512_castps512_ps256(sixteen);
                let last = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(sixteen));
                Avx2::sum([first, _mm256_castpd_ps(last)])
            }
        }
    }
}

/// What the compiler makes of eight numbers side by side, on processors other than x86.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Clone, Copy)]
pub struct Plain;

#[cfg(not(target_arch = "x86_64"))]
impl Simd for Plain {
    type Vector = [f32; 8];
    type Mask = usize;
    const LANES: usize = 8;
    const WIDE: bool = false;

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 8] {
        [value; 8]
    }
    #[inline(always)]
    unsafe fn mask(lanes: usize) -> usize {
        lanes
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 8] {
        unsafe { from.cast::<[f32; 8]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_part(from: *const f32, mask: usize) -> [f32; 8] {
        std::array::from_fn(|lane| if lane < mask { unsafe { *from.add(lane) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: [f32; 8]) {
        unsafe { to.cast::<[f32; 8]>().write_unaligned(vector) }
    }
    #[inline(always)]
    unsafe fn store_part(to: *mut f32, mask: usize, vector: [f32; 8]) {
        for (lane, value) in vector.into_iter().enumerate().take(mask) {
            unsafe { *to.add(lane) = value }
        }
    }
    #[inline(always)]
    unsafe fn prefetch(_: *const f32) {}
    #[inline(always)]
    unsafe fn fused(a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }
    #[inline(always)]
    unsafe fn add(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|lane| a[lane] + b[lane])
    }
    #[inline(always)]
    unsafe fn sub(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|lane| a[lane] - b[lane])
    }
    #[inline(always)]
    unsafe fn mul(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|lane| a[lane] * b[lane])
    }
    #[inline(always)]
    unsafe fn relu(x: [f32; 8]) -> [f32; 8] {
        x.map(|x| if x < 0.0 { 0.0 } else { x })
    }
    #[inline(always)]
    unsafe fn sum([first, last]: [[f32; 8]; 2]) -> f32 {
        let mut sums: [f32; 8] = std::array::from_fn(|lane| first[lane] + last[lane]);
        for half in [4, 2, 1] {
            for lane in 0..half {
                sums[lane] += sums[lane + half];
            }
        }
        sums[0]
    }
}
