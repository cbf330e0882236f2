/** User names as companies make them from people's names. */
import type { Random } from '../../random.ts';
import { pick } from './pick.ts';

const GIVEN =
  'james mary robert patricia john jennifer michael linda david elizabeth william barbara richard susan joseph jessica thomas sarah carlos karen daniel lisa matteo nancy anthony betty mark sandra donald ashley steven kim paul emily andrew donna joshua michelle kenneth carol kevin amanda brian melissa george deborah timothy stephanie ronald rebecca jason laura edward helen jeffrey sharon ryan cynthia jacob kathleen gary amy nicholas angela eric anna jonathan ruth stephen brenda larry pamela justin nicole scott katherine brandon samantha benjamin christine samuel emma gregory catherine alexander virginia frank debra patrick rachel raymond carolyn jack janet dennis maria jerry heather tyler diane aaron olivia jose julie adam joyce nathan victoria henry kelly zachary christina douglas joan peter evelyn kyle lauren noah judith ethan megan jeremy andrea walter cheryl christian hannah keith jacqueline roger martha terry gloria austin teresa sean ana gerald sara carl madison harold frances dylan kathryn arthur janice lawrence jean jordan alice jesse abigail bryan julia billy judy bruce sofia gabriel grace joe denise logan amber alan doris juan marilyn albert danielle willie beverly elijah isabella wayne theresa randy diana vincent natalie mason brittany roy charlotte ralph marie bobby kayla russell alexis bradley lori philip wei ming hiroshi yuki fatima ahmed priya raj ananya ivan olga dmitri svetlana pierre claire lars ingrid'.split(
    ' ',
  );
const FAMILY =
  'smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson anderson thomas taylor moore jackson martin lee perez thompson white harris sanchez clark ramirez lewis robinson walker young allen king wright scott torres nguyen hill flores green adams nelson baker hall rivera campbell mitchell carter roberts gomez phillips evans turner diaz parker cruz edwards collins reyes stewart morris morales murphy cook rogers gutierrez ortiz morgan cooper peterson bailey reed kelly howard ramos kim cox ward richardson watson brooks chavez wood james bennett gray mendoza ruiz hughes price alvarez castillo sanders patel myers long ross foster jimenez powell jenkins perry russell sullivan bell coleman butler henderson barnes fisher vasquez simmons romero jordan patterson alexander hamilton graham reynolds griffin wallace moreno west cole hayes bryant herrera gibson ellis tran medina aguilar stevens murray ford castro marshall owens harrison fernandez mcdonald woods washington kennedy wells vargas henry chen freeman webb tucker guzman burns crawford olson simpson porter hunter gordon mendez silva shaw snyder mason dixon munoz hunt hicks holmes palmer wagner black robertson boyd stone salazar fox warren mills meyer rice schmidt garza daniels ferguson nichols stephens soto weaver ryan gardner payne grant dunn kelley spencer hawkins ivanov petrov mueller schneider rossi bianchi dubois tanaka suzuki singh khan zhang wang larsen'.split(
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
  (given, family, random) => `${given[0]}${family}${Math.floor(random() * 100)}`,
  (given, _, random) => `${given}${Math.floor(random() * 100)}`,
  (given, family, random) => `${given[0]}${family[0]}${Math.floor(random() * 10_000)}`,
  (given, family) => `${given[0]?.toUpperCase()}${given.slice(1)}.${family[0]?.toUpperCase()}${family.slice(1)}`,
  (given, family) => `${given}-${family}`,
  (given, family) => `${given.slice(0, 3)}${family.slice(0, 3)}`,
];

export function username(random: Random): string {
  return pick(PATTERNS, random)(pick(GIVEN, random), pick(FAMILY, random), random);
}

export const givenName = (random: Random): string => pick(GIVEN, random);
export const familyName = (random: Random): string => pick(FAMILY, random);
