/** User names as companies make them from people's names. */
import type { Random } from '../../random.ts';
import { chance, pick } from './pick.ts';

const GIVEN =
  'james mary robert patricia john jennifer michael linda david elizabeth william barbara richard susan joseph jessica thomas sarah carlos karen daniel lisa matteo nancy anthony betty mark sandra donald ashley steven kim paul emily andrew donna joshua michelle kenneth carol kevin amanda brian melissa george deborah timothy stephanie ronald rebecca jason laura edward helen jeffrey sharon ryan cynthia jacob kathleen gary amy nicholas angela eric anna jonathan ruth stephen brenda larry pamela justin nicole scott katherine brandon samantha benjamin christine samuel emma gregory catherine alexander virginia frank debra patrick rachel raymond carolyn jack janet dennis maria jerry heather tyler diane aaron olivia jose julie adam joyce nathan victoria henry kelly zachary christina douglas joan peter evelyn kyle lauren noah judith ethan megan jeremy andrea walter cheryl christian hannah keith jacqueline roger martha terry gloria austin teresa sean ana gerald sara carl madison harold frances dylan kathryn arthur janice lawrence jean jordan alice jesse abigail bryan julia billy judy bruce sofia gabriel grace joe denise logan amber alan doris juan marilyn albert danielle willie beverly elijah isabella wayne theresa randy diana vincent natalie mason brittany roy charlotte ralph marie bobby kayla russell alexis bradley lori philip wei ming hiroshi yuki fatima ahmed priya raj ananya ivan olga dmitri svetlana pierre claire lars ingrid'.split(
    ' ',
  );
/** Share of the user names that are nicknames. */
const NICKNAMES = 0.05;
const NICKS =
  'wolf dragon shadow killer master king queen angel devil ghost rider hunter blade storm night dark light fire ice star moon sun black white red blue green crazy happy lucky funny super mega ultra cyber pixel hacker gamer player sniper ninja viking pirate rebel bandit joker maniac psycho zombie demon titan atlas zeus apollo thor odin loki ares hades vader yoda neo trinity morpheus gandalf frodo aragorn legolas bilbo kitty bunny puppy tiger panther lion bear eagle hawk falcon raven phoenix shark dolphin snake cobra viper spider scorpion mouse monkey gorilla panda koala fox lynx puma jaguar mustang ferrari porsche audi bmw skoda honda suzuki yamaha ducati metal punk rock techno disco jazz blues guitar drummer singer dancer artist poet writer dreamer lover flirt candy honey sugar cookie muffin banana cherry lemon mango pepper ginger coffee vodka whisky beer pivo milan petr pavel honza tomas jirka lukas martin jakub ondra vojta misa zuzka lucka katka jana petra lenka martina veronika monika klara tereza adela peto miso jozo fero duri juraj zoltan laszlo attila ferenc piotr pawel krzysztof agnieszka kasia ania sergey vladimir natasha katya misha dima jens lars sven bjorn anders heike uwe jurgen wolfgang giulia marco luca chiara francesca paolo carlos pedro lucia pablo javier rosa joao thiago mehmet emre ayse fatih hasan omar yusuf khalid layla kenji sakura haruto minh linh nguyen wang chen'.split(
    ' ',
  );
const FAMILY =
  'ahmad ahmed akhtar ali amin anwar aziz bashir begum bibi farooq hasan hassan hussain hussein ibrahim iqbal ismail jamal javed karim malik mahmood mohammed mustafa omar osman qureshi rahman rashid saeed salem shah sheikh siddiqui sultan syed yusuf agarwal banerjee bhatt chauhan chopra das desai gandhi ghosh gupta iyer jain joshi kapoor kaur kulkarni kumar mehta mishra mukherjee nair pandey pillai rao reddy saxena sharma shukla sinha tiwari trivedi varma verma yadav chan cheng chow chu fong ho hsu huang lam lau leung lin liu lu luo ma ng pan tan tang tsai wong wu xu yang yu zhao zheng zhou zhu dang dinh duong ho huynh ngo pham phan truong vo vu choi han hong jang jung kang kwon lim oh park shin song yoon fujita hayashi inoue ito kato kimura kobayashi matsumoto mori nakamura saito sasaki sato shimizu watanabe yamada yamaguchi yamamoto yoshida acosta aguirre alvarado arroyo ayala barrera beltran benitez bravo cabrera calderon camacho campos cardenas carrillo cervantes contreras cordova cortez dominguez duran escobar espinoza estrada figueroa franco fuentes gallegos gallardo gil guerra guerrero ibarra juarez lara leon lozano maldonado marquez mejia mercado miranda molina montes montoya nava navarro nunez ochoa olivares orozco ortega pacheco padilla pena pineda ponce quintero rangel rios rojas rosales rubio salas salgado sandoval santana santiago santos serrano solis suarez tapia tovar trujillo valdez valencia vega velasquez vera villa zamora zavala zuniga abbott adkins allison andrews armstrong arnold atkins austin baldwin ball banks barber barker barnett barrett barton bass bates beck becker benson berry bishop blair blake bond boone booth bowen bowers bowman bradford bradley brady brewer briggs brock buchanan burgess burke burnett burton bush byrd caldwell cameron cannon carlson carpenter carr carroll carson casey chambers chandler chapman christensen church clarke clayton clements cochran cohen collier combs conley conner conway copeland craig crane cross cummings cunningham curry curtis dalton davenport davidson dawson dean delaney dennis dickerson dillon dodson donovan dorsey doyle drake dudley duffy duncan dyer eaton elliott emerson english erickson farmer farrell fields finch fitzgerald fleming fletcher floyd flynn foley forbes fowler francis frank frazier french fry gallagher gardner garner garrett gates gentry gilbert giles gill glass glenn glover goodman goodwin gould graves greene greer grimes gross hale hammond hancock hansen hanson hardin harding hardy harmon harper harrington hart hartman harvey hawkins haynes heath hensley herman hess hickman higgins hines hobbs hodge hodges hoffman hogan holland holloway holt hood hooper hoover hopkins horn horton houston hubbard huff huffman hull humphrey hurley hurst hutchinson ingram irwin jacobs jacobson jarvis jefferson jennings jensen johnston joseph joyce juarez keller kemp kent kerr kirby kirk klein knapp knox koch kramer lamb lambert lancaster landry lang lawson leach leblanc leonard levine levy lindsey little lloyd logan lowe lowery lucas lynch lynn lyons macdonald mack madden malone mann manning marks marsh massey mathews maxwell may mays mcbride mccall mccarthy mcclain mcclure mccormick mccoy mccullough mcdaniel mcdowell mcfarland mcgee mcgrath mcguire mcintosh mcintyre mckay mckee mckenzie mckinney mclaughlin mclean mcmahon mcmillan mcneil mcpherson meadows melton merrill merritt middleton miles monroe montgomery moody moon morrow morse moses moss moyer mullen mullins murphy neal newman newton nicholson nielsen nixon noble nolan norman norris norton obrien oconnor odom odonnell oneal oneill orr osborne owen pace page parks parrish parsons pate patrick patton paul pearson peck perkins petersen phelps pittman pitts poole pope porter potter powers pratt preston prince pruitt pugh quinn ramsey randall randolph ratliff ray raymond reese reeves reid reilly reynolds rhodes rich richard richards riggs riley ritter roach robbins roberson robles roth rowe rowland roy rush ryan sampson savage sawyer schaefer schroeder schultz schwartz sears sellers sexton shaffer shannon sharp shelton shepherd sheppard sherman shields short simon sims singleton skinner slater sloan small snow solomon sparks spence stafford stanley stanton stark steele stein stephenson stevenson stokes stout strickland strong stuart sutton swanson sweeney sweet sykes talley tanner tate terrell terry thornton todd townsend travis tyler tyson underwood vance vaughan vaughn vincent vinson wade walls walsh walter walters walton ware warner waters watkins watts weaver weeks weiss welch wheeler whitaker whitehead whitfield whitley whitney wiggins wilcox wilder wiley wilkerson wilkins wilkinson willis winters wise wolf wolfe woodard woodward wooten workman wyatt wynn yates york zimmerman bauer braun fischer frank fuchs graf hahn hartmann herrmann hofmann huber jung kaiser keller koch kohler kraus krause krueger kuhn lange lehmann maier meier neumann peters pohl richter roth sauer schafer schmitt schmitz schreiber schubert schulz schulze schumacher schuster schwarz seidel simon sommer stein vogel vogt walter weber werner winkler wolff ziegler bernard blanc bonnet boyer brun chevalier clement david denis durand faure fontaine fournier francois garnier gauthier girard guerin henry lambert laurent lefebvre legrand leroy mercier michel moreau morel morin nicolas perrin petit picard renard richard robert robin roche roussel roux simon vidal vincent bruno conti costa esposito ferrari ferri fontana galli gallo giordano greco lombardi mancini marino martini moretti ricci rinaldi rizzo romano russo santoro vitale jansen devries bakker visser smit meijer mulder bos vos dejong vandijk berg hansen johansen olsen larsen andersen pedersen nilsen kristiansen jensen karlsen johansson andersson karlsson nilsson eriksson svensson gustafsson persson nowak kowalski wisniewski wojcik kowalczyk kaminski lewandowski zielinski szymanski novak svoboda novotny dvorak cerny prochazka kucera vesely horak nemec popescu ionescu horvat kovac petrovic jovanovic popov smirnov kuznetsov volkov sokolov kozlov morozov okafor okonkwo adeyemi mensah diallo ndlovu smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson anderson thomas taylor moore jackson martin lee perez thompson white harris sanchez clark ramirez lewis robinson walker young allen king wright scott torres nguyen hill flores green adams nelson baker hall rivera campbell mitchell carter roberts gomez phillips evans turner diaz parker cruz edwards collins reyes stewart morris morales murphy cook rogers gutierrez ortiz morgan cooper peterson bailey reed kelly howard ramos kim cox ward richardson watson brooks chavez wood james bennett gray mendoza ruiz hughes price alvarez castillo sanders patel myers long ross foster jimenez powell jenkins perry russell sullivan bell coleman butler henderson barnes fisher vasquez simmons romero jordan patterson alexander hamilton graham reynolds griffin wallace moreno west cole hayes bryant herrera gibson ellis tran medina aguilar stevens murray ford castro marshall owens harrison fernandez mcdonald woods washington kennedy wells vargas henry chen freeman webb tucker guzman burns crawford olson simpson porter hunter gordon mendez silva shaw snyder mason dixon munoz hunt hicks holmes palmer wagner black robertson boyd stone salazar fox warren mills meyer rice schmidt garza daniels ferguson nichols stephens soto weaver ryan gardner payne grant dunn kelley spencer hawkins ivanov petrov mueller schneider rossi bianchi dubois tanaka suzuki singh khan zhang wang larsen'.split(
    ' ',
  );

type Pattern = (given: string, family: string, random: Random) => string;

const PATTERNS: readonly Pattern[] = [
  (given, family) => `${given}.${family}`,
  (given, family) => `${given[0]}${family}`,
  (given, family) => `${given[0]}.${family}`,
  (given, family) => `${family}${given[0]}`,
  (given, family) => `${given}${family[0]}`,
  (given, family) => `${given}_${family}`,
  (given, family) => `${given}${family}`,
  (given) => given,
  (_, family) => family,
  (given, family) => `${family}.${given}`,
  (given, family) => `${given[0]}${family.slice(0, 6)}`,
  ...Array<Pattern>(3).fill((given, family, random) => `${given[0]}${family}${namesake(random)}`),
  (given, family, random) => `${given}.${family}${namesake(random)}`,
  (given, family, random) => `${given[0]}${family}${Math.floor(random() * 100)}`,
  (given, _, random) => `${given}${Math.floor(random() * 100)}`,
  (given, family, random) => `${given[0]}${family[0]}${Math.floor(random() * 10_000)}`,
  (given, family) => `${given[0]?.toUpperCase()}${given.slice(1)}.${family[0]?.toUpperCase()}${family.slice(1)}`,
  (given, family) => `${given}-${family}`,
  (given, family) => `${given.slice(0, 3)}${family.slice(0, 3)}`,
];

/** What people call themselves where nobody asks for their name; passwords are made of the same words. */
export function nickname(random: Random): string {
  const base = pick(chance(0.5, random) ? GIVEN : NICKS, random);
  const word = chance(0.4, random) ? `${base[0]?.toUpperCase()}${base.slice(1)}` : base;
  const drawn = random();
  if (drawn < 0.5) return word;
  if (drawn < 0.65) return `${word}${pick(NICKS, random)}`;
  if (drawn < 0.8) return `${word}${Math.floor(random() * 100)}`;
  if (drawn < 0.85) return `${word}${1950 + Math.floor(random() * 60)}`;
  if (drawn < 0.92) return `${word}${pick(['_', '-', '.'], random)}${pick(NICKS, random)}`;
  return drawn < 0.97 ? `${Math.floor(random() * 100)}${word}` : word.toUpperCase();
}

/** The number that the second and later of the same name get: mostly a small one. */
const namesake = (random: Random): number => 2 + Math.floor(18 * random() ** 2);

export function username(random: Random): string {
  if (chance(NICKNAMES, random)) return plainNickname(random);
  return pick(PATTERNS, random)(pick(GIVEN, random), pick(FAMILY, random), random);
}

const plainNickname = (random: Random): string =>
  `${pick(NICKS, random)}${chance(0.3, random) ? pick(NICKS, random) : ''}`;

export const givenName = (random: Random): string => pick(GIVEN, random);
export const familyName = (random: Random): string => pick(FAMILY, random);
