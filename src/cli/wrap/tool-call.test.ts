import { describe, expect, test } from 'vitest';
import { planTool, type WrapPlan } from './tool-call.ts';

const LAUNCHER = '/opt/hg/build/hg-launcher';

function plan(change: Partial<WrapPlan>): WrapPlan {
  return {
    command: 'make',
    args: [],
    env: { PATH: '/usr/bin:/bin' },
    launcher: LAUNCHER,
    links: '/links',
    jobs: 'tool',
    processors: 6,
    ...change,
  };
}

describe('PATH', () => {
  test('links come first, once', () => {
    expect(planTool(plan({})).env.PATH).toBe('/links:/usr/bin:/bin');
    expect(planTool(plan({ env: { PATH: '/a:/links:/b' } })).env.PATH).toBe('/links:/a:/b');
    expect(planTool(plan({ env: {} })).env.PATH).toBe('/links:/bin:/usr/bin');
  });

  test('an empty entry still means the current directory', () => {
    expect(planTool(plan({ env: { PATH: ':/bin' } })).env.PATH).toBe('/links::/bin');
  });

  test('without links PATH is left alone', () => {
    expect(planTool(plan({ links: undefined })).env.PATH).toBe('/usr/bin:/bin');
  });
});

describe('CC and CXX stay what they are, but a path gets the launcher in front', () => {
  test.each([
    ['gcc', 'gcc'],
    ['gcc -pthread', 'gcc -pthread'],
    ['ccache gcc', 'ccache gcc'],
    ['', ''],
    ['/usr/bin/gcc', `${LAUNCHER} /usr/bin/gcc`],
    ['/usr/bin/gcc-12 -m32 -pthread', `${LAUNCHER} /usr/bin/gcc-12 -m32 -pthread`],
    ['  ./tool/arm-none-eabi-gcc', `${LAUNCHER} ./tool/arm-none-eabi-gcc`],
    ['/usr/bin/ccache gcc', '/usr/bin/ccache gcc'],
    ['/usr/lib/gcc-wrapper', '/usr/lib/gcc-wrapper'],
    [`${LAUNCHER} /usr/bin/gcc`, `${LAUNCHER} /usr/bin/gcc`],
  ])('CC=%s', (given, becomes) => {
    expect(planTool(plan({ env: { CC: given, CXX: given } })).env).toMatchObject({ CC: becomes, CXX: becomes });
    expect(planTool(plan({ args: ['x', `CC=${given}`] })).args).toEqual(['x', `CC=${becomes}`]);
  });

  test('not set stays not set', () => {
    expect(planTool(plan({})).env).not.toHaveProperty('CC');
  });

  test('only arguments of make are variables, and only these two', () => {
    expect(planTool(plan({ args: ['CXX:=/usr/bin/g++', 'HOSTCC=/usr/bin/gcc', 'CC+=/usr/bin/gcc'] })).args).toEqual([
      `CXX:=${LAUNCHER} /usr/bin/g++`,
      'HOSTCC=/usr/bin/gcc',
      'CC+=/usr/bin/gcc',
    ]);
    expect(planTool(plan({ command: 'sh', args: ['CC=/usr/bin/gcc'] })).args).toEqual(['CC=/usr/bin/gcc']);
  });

  test('a launcher whose path would be split at a blank is not put there', () => {
    const env = { CC: '/usr/bin/gcc' };
    expect(planTool(plan({ env, launcher: '/my files/hg-launcher' })).env.CC).toBe('/usr/bin/gcc');
  });
});

describe('cmake', () => {
  test('gets the launcher by its own variables and an unchanged PATH', () => {
    const call = planTool(
      plan({ command: '/usr/bin/cmake', args: ['-B', 'b'], env: { PATH: '/p', CC: '/usr/bin/gcc' } }),
    );
    expect(call).toEqual({
      command: '/usr/bin/cmake',
      args: ['-B', 'b'],
      env: {
        PATH: '/p',
        CC: '/usr/bin/gcc',
        CMAKE_C_COMPILER_LAUNCHER: LAUNCHER,
        CMAKE_CXX_COMPILER_LAUNCHER: LAUNCHER,
      },
    });
  });

  test("the user's own launcher stays", () => {
    const { env } = planTool(plan({ command: 'cmake', env: { CMAKE_C_COMPILER_LAUNCHER: 'mine' } }));
    expect(env).toMatchObject({ CMAKE_C_COMPILER_LAUNCHER: 'mine', CMAKE_CXX_COMPILER_LAUNCHER: LAUNCHER });
  });

  test('jobs', () => {
    expect(planTool(plan({ command: 'cmake', jobs: 'auto' })).env.CMAKE_BUILD_PARALLEL_LEVEL).toBe('6');
    expect(planTool(plan({ command: 'cmake' })).env).not.toHaveProperty('CMAKE_BUILD_PARALLEL_LEVEL');
  });
});

describe('jobs', () => {
  test.each<[string, Partial<WrapPlan>, readonly string[]]>([
    ['left to make', { args: ['all'] }, ['all']],
    ['a number', { args: ['all'], jobs: 3 }, ['-j3', 'all']],
    ['auto', { jobs: 'auto' }, ['-j6']],
    ['-j given', { args: ['-j'], jobs: 3 }, ['-j']],
    ['-j2 given', { args: ['-j2'], jobs: 3 }, ['-j2']],
    ['--jobs given', { args: ['--jobs=2'], jobs: 3 }, ['--jobs=2']],
    ['in a cluster', { args: ['-kj4'], jobs: 3 }, ['-kj4']],
    ['-C takes a value', { args: ['-Cjob'], jobs: 3 }, ['-j3', '-Cjob']],
    ['MAKEFLAGS has -j', { env: { MAKEFLAGS: '-j4' }, jobs: 3 }, []],
    ['MAKEFLAGS from a make above', { env: { MAKEFLAGS: 'ks -j4 --jobserver-auth=3,4 -- V=1' }, jobs: 3 }, []],
    ['MAKEFLAGS has letters', { env: { MAKEFLAGS: 'ks -- OBJ=j' }, jobs: 3 }, ['-j3']],
    ['MAKEFLAGS has a long option', { env: { MAKEFLAGS: ' --no-print-directory' }, jobs: 3 }, ['-j3']],
    ['another tool', { command: 'ninja', args: ['all'], jobs: 3 }, ['all']],
  ])('%s', (_name, change, args) => expect(planTool(plan(change)).args).toEqual(args));
});
