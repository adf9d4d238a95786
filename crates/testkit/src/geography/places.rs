//! Names and rough positions of places. Real names, used for illustration; the areas drawn round them are invented.

/// A named place and its position, in hundreds of metres of the national grid.
pub(crate) type Place = (&'static str, i32, i32);

/// Wards of Chorley.
pub(crate) const CHORLEY_WARDS: [Place; 14] = [
    ("Adlington & Anderton", 3_612, 4_138),
    ("Buckshaw & Whittle", 3_572, 4_207),
    ("Chorley East", 3_598, 4_173),
    ("Chorley North & Astley", 3_583, 4_188),
    ("Chorley North East", 3_627, 4_212),
    ("Chorley North West", 3_575, 4_177),
    ("Chorley South East & Heath Charnock", 3_600, 4_157),
    ("Chorley South West", 3_576, 4_161),
    ("Clayton East, Brindle & Hoghton", 3_606, 4_248),
    ("Clayton West & Cuerden", 3_567, 4_231),
    ("Coppull", 3_563, 4_138),
    ("Croston, Mawdesley & Euxton South", 3_490, 4_172),
    ("Eccleston, Heskin & Charnock Richard", 3_535, 4_158),
    ("Euxton", 3_552, 4_191),
];

/// Wards of South Ribble.
pub(crate) const SOUTH_RIBBLE_WARDS: [Place; 23] = [
    ("Bamber Bridge East", 3_574, 4_256),
    ("Bamber Bridge West", 3_560, 4_258),
    ("Broad Oak", 3_520, 4_273),
    ("Broadfield", 3_535, 4_224),
    ("Buckshaw & Worden", 3_550, 4_213),
    ("Charnock", 3_534, 4_263),
    ("Coupe Green & Gregson Lane", 3_592, 4_265),
    ("Earnshaw Bridge", 3_523, 4_214),
    ("Farington East", 3_552, 4_239),
    ("Farington West", 3_532, 4_243),
    ("Hoole", 3_480, 4_232),
    ("Howick & Priory", 3_505, 4_282),
    ("Leyland Central", 3_543, 4_221),
    ("Longton & Hutton West", 3_472, 4_262),
    ("Lostock Hall", 3_549, 4_258),
    ("Middleforth", 3_532, 4_273),
    ("Moss Side", 3_514, 4_228),
    ("New Longton & Hutton East", 3_510, 4_257),
    ("Samlesbury & Walton", 3_595, 4_291),
    ("Seven Stars", 3_528, 4_208),
    ("St Ambrose", 3_548, 4_226),
    ("Walton-le-Dale East", 3_565, 4_271),
    ("Walton-le-Dale West", 3_549, 4_275),
];

/// Middle-layer areas of Chorley with their number of LSOAs (70 in all).
pub(crate) const CHORLEY_MSOAS: [(Place, u32); 14] = [
    (("Clayton Brook", 3_577, 4_243), 5),
    (("Brindle & Withnell", 3_620, 4_228), 5),
    (("Clayton-le-Woods", 3_567, 4_227), 5),
    (("Whittle-le-Woods & Anglezarke", 3_592, 4_207), 6),
    (("Euxton", 3_552, 4_190), 6),
    (("Chorley North", 3_586, 4_189), 6),
    (("Croston & Mawdesley", 3_492, 4_171), 3),
    (("Chorley West", 3_570, 4_177), 7),
    (("Chorley East", 3_597, 4_175), 5),
    (("Chorley Town & South", 3_589, 4_165), 5),
    (("Eccleston & Charnock Richard", 3_531, 4_160), 5),
    (("Chorley South West", 3_576, 4_161), 5),
    (("Coppull", 3_565, 4_138), 3),
    (("Adlington & Rivington", 3_612, 4_139), 4),
];

/// Middle-layer areas of South Ribble with their number of LSOAs (70 in all).
pub(crate) const SOUTH_RIBBLE_MSOAS: [(Place, u32); 17] = [
    (("Penwortham North", 3_514, 4_282), 4),
    (("Gregson Lane & Coupe Green", 3_596, 4_275), 4),
    (("Penwortham South", 3_522, 4_270), 4),
    (("Walton-le-Dale", 3_558, 4_279), 4),
    (("Lower Penwortham North", 3_532, 4_282), 4),
    (("Lower Penwortham South", 3_534, 4_264), 4),
    (("Bamber Bridge West", 3_560, 4_261), 4),
    (("Bamber Bridge East", 3_575, 4_258), 4),
    (("Lostock Hall", 3_549, 4_256), 5),
    (("New Longton & Hutton", 3_504, 4_256), 4),
    (("Longton & Walmer Bridge", 3_476, 4_252), 4),
    (("Farington", 3_543, 4_239), 5),
    (("Leyland North", 3_543, 4_225), 4),
    (("Moss Side", 3_514, 4_226), 4),
    (("Leyland South West", 3_524, 4_211), 4),
    (("Leyland South East & Buckshaw Village", 3_551, 4_212), 5),
    (("Seven Stars", 3_533, 4_217), 3),
];

/// Built-up places: peak density (people in a lattice cell) and radius in hundreds of metres.
pub(crate) const SETTLEMENTS: [(Place, i64, i64); 28] = [
    (("Chorley", 3_584, 4_174), 190, 26),
    (("Leyland", 3_541, 4_219), 190, 24),
    (("Bamber Bridge", 3_564, 4_258), 180, 17),
    (("Penwortham", 3_524, 4_277), 180, 19),
    (("Lostock Hall", 3_548, 4_258), 170, 13),
    (("Walton-le-Dale", 3_556, 4_276), 150, 13),
    (("Longton", 3_478, 4_256), 120, 10),
    (("Walmer Bridge", 3_478, 4_242), 90, 7),
    (("Hutton", 3_496, 4_268), 90, 7),
    (("New Longton", 3_510, 4_255), 100, 8),
    (("Clayton-le-Woods", 3_566, 4_228), 150, 13),
    (("Clayton Brook", 3_578, 4_243), 190, 9),
    (("Euxton", 3_553, 4_189), 150, 13),
    (("Buckshaw Village", 3_564, 4_207), 190, 11),
    (("Whittle-le-Woods", 3_583, 4_213), 120, 9),
    (("Adlington", 3_605, 4_134), 150, 9),
    (("Coppull", 3_565, 4_138), 150, 10),
    (("Eccleston", 3_518, 4_172), 130, 8),
    (("Croston", 3_488, 4_185), 110, 7),
    (("Mawdesley", 3_494, 4_150), 70, 7),
    (("Charnock Richard", 3_550, 4_158), 90, 6),
    (("Brinscall and Withnell", 3_626, 4_215), 100, 8),
    (("Wheelton", 3_604, 4_211), 80, 5),
    (("Hoghton", 3_614, 4_256), 70, 6),
    (("Gregson Lane", 3_594, 4_264), 110, 7),
    (("Samlesbury", 3_594, 4_295), 50, 8),
    (("Farington", 3_543, 4_239), 150, 10),
    (("Much Hoole", 3_472, 4_228), 90, 6),
];

/// Where shops, stations and pubs are: strength (1,000 = a main centre) and radius in hundreds of metres.
pub(crate) const CENTRES: [(Place, i64, i64); 8] = [
    (("Chorley town centre", 3_584, 4_176), 1_000, 12),
    (("Leyland town centre", 3_542, 4_217), 880, 11),
    (("Bamber Bridge Station Road", 3_563, 4_260), 620, 9),
    (("Penwortham Liverpool Road", 3_518, 4_279), 430, 8),
    (("Lostock Hall", 3_548, 4_256), 420, 7),
    (("Capitol Centre", 3_552, 4_279), 560, 7),
    (("Buckshaw Village", 3_564, 4_208), 440, 7),
    (("Adlington", 3_604, 4_134), 300, 6),
];

/// Deprived pockets (positive) and affluent places (negative): strength and radius in hundreds of metres.
pub(crate) const POCKETS: [(Place, i64, i64); 16] = [
    (("Clayton Brook", 3_578, 4_243), 1_250, 11),
    (("Chorley East", 3_597, 4_174), 1_100, 12),
    (("Chorley South West", 3_575, 4_160), 1_300, 13),
    (("Seven Stars and Wade Hall", 3_530, 4_215), 1_200, 13),
    (("Broadfield", 3_536, 4_225), 900, 9),
    (("Kingsfold", 3_527, 4_266), 1_050, 10),
    (("Bamber Bridge", 3_566, 4_256), 950, 11),
    (("Coppull", 3_564, 4_139), 650, 9),
    (("Lostock Hall", 3_547, 4_258), 450, 9),
    (("Astley", 3_574, 4_184), -650, 12),
    (("Whittle-le-Woods", 3_590, 4_212), -800, 18),
    (("Euxton", 3_552, 4_190), -650, 16),
    (("Longton and Hutton", 3_484, 4_262), -800, 26),
    (("Higher Penwortham", 3_512, 4_283), -900, 16),
    (("Brindle and Hoghton", 3_610, 4_248), -700, 26),
    (("Croston and Mawdesley", 3_492, 4_168), -600, 30),
];

/// A new estate: many young families.
pub(crate) const NEW_ESTATE: (Place, i64) = (("Buckshaw Village", 3_562, 4_208), 14);

/// Primary care networks.
pub(crate) const PCNS: [Place; 6] = [
    ("Bridgedale Primary Care Network", 3_566, 4_250),
    ("Chorley Central Primary Care Network", 3_586, 4_172),
    ("Chorley West and Euxton Primary Care Network", 3_540, 4_172),
    ("Chorley East and Adlington Primary Care Network", 3_606, 4_190),
    ("Leyland Primary Care Network", 3_540, 4_220),
    ("Penwortham and Western Parishes Primary Care Network", 3_510, 4_272),
];

/// Police beats, five in each district.
pub(crate) const BEATS: [Place; 10] = [
    ("Chorley Town", 3_586, 4_174),
    ("Chorley South", 3_580, 4_146),
    ("Chorley Rural West", 3_520, 4_170),
    ("Chorley Rural East", 3_614, 4_216),
    ("Clayton and Euxton", 3_565, 4_222),
    ("Leyland", 3_540, 4_218),
    ("Moss Side and Hoole", 3_500, 4_232),
    ("Bamber Bridge", 3_572, 4_262),
    ("Lostock Hall and Farington", 3_546, 4_252),
    ("Penwortham", 3_520, 4_276),
];

/// Bespoke neighbourhoods and how many LSOAs each takes: placed where wards meet, so that they cut across them.
pub(crate) const NEIGHBOURHOODS: [(Place, u32); 9] = [
    (("Clayton Brook and Cuerden", 3_574, 4_240), 6),
    (("Chorley East and Town", 3_591, 4_174), 7),
    (("Chorley South and Eaves", 3_583, 4_163), 6),
    (("Coppull and Adlington", 3_580, 4_142), 5),
    (("Buckshaw Village", 3_561, 4_210), 6),
    (("Seven Stars and Wade Hall", 3_531, 4_215), 7),
    (("Broadfield and Farington", 3_540, 4_231), 5),
    (("Bamber Bridge and Lostock Hall", 3_555, 4_258), 8),
    (("Kingsfold and Middleforth", 3_529, 4_269), 6),
];

/// Code, name, and the points a district lies round, in hundreds of metres.
type Context = (&'static str, &'static str, &'static [(i32, i32)]);

/// The other districts of the county, then the two unitary districts beside it.
pub(crate) const CONTEXT: [Context; 12] = [
    ("E07990117", "Burnley", &[(3_840, 4_325), (3_850, 4_290)]),
    ("E07990119", "Fylde", &[(3_360, 4_300), (3_400, 4_320), (3_420, 4_305), (3_370, 4_335)]),
    ("E07990120", "Hyndburn", &[(3_755, 4_290), (3_740, 4_320)]),
    (
        "E07990121",
        "Lancaster",
        &[(3_475, 4_615), (3_490, 4_560), (3_530, 4_660), (3_560, 4_710), (3_440, 4_640), (3_560, 4_590)],
    ),
    ("E07990122", "Pendle", &[(3_870, 4_380), (3_905, 4_410), (3_855, 4_420)]),
    ("E07990123", "Preston", &[(3_535, 4_315), (3_520, 4_345), (3_565, 4_330), (3_540, 4_380), (3_490, 4_320)]),
    (
        "E07990124",
        "Ribble Valley",
        &[
            (3_740, 4_410),
            (3_660, 4_340),
            (3_700, 4_380),
            (3_720, 4_490),
            (3_790, 4_460),
            (3_630, 4_320),
            (3_640, 4_430),
        ],
    ),
    ("E07990125", "Rossendale", &[(3_800, 4_230), (3_840, 4_240), (3_780, 4_200)]),
    (
        "E07990127",
        "West Lancashire",
        &[(3_415, 4_080), (3_475, 4_065), (3_445, 4_135), (3_380, 4_150), (3_445, 4_190), (3_500, 4_105)],
    ),
    ("E07990128", "Wyre", &[(3_350, 4_420), (3_400, 4_380), (3_460, 4_440), (3_500, 4_480), (3_430, 4_460)]),
    ("E06990008", "Blackburn with Darwen", &[(3_680, 4_275), (3_695, 4_220), (3_690, 4_165)]),
    ("E06990009", "Blackpool", &[(3_315, 4_360), (3_320, 4_400)]),
];

/// How many of [`CONTEXT`] belong to the county.
pub(crate) const CONTEXT_IN_COUNTY: usize = 10;

/// Places beyond the county, and the sea: they bound it.
pub(crate) const BEYOND: [(i32, i32); 19] = [
    (3_330, 4_110),
    (3_340, 4_210),
    (3_400, 4_255),
    (3_335, 4_250),
    (3_550, 4_090),
    (3_590, 4_088),
    (3_650, 4_105),
    (3_710, 4_110),
    (3_790, 4_120),
    (3_880, 4_140),
    (3_930, 4_240),
    (3_960, 4_330),
    (3_960, 4_470),
    (3_840, 4_550),
    (3_270, 4_380),
    (3_290, 4_480),
    (3_380, 4_550),
    (3_600, 4_800),
    (3_440, 4_050),
];
