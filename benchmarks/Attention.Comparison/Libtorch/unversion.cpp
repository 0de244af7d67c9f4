// Lets a 64-bit ELF library load although the system's libstdc++ lacks one symbol version, by editing it in place:
// the requirement of VERSION becomes weak, so that the loader only warns, and SYMBOL no longer asks for any version,
// so that a definition from another library will do. Neither size nor layout of the file changes.
//
// Usage: unversion LIBRARY VERSION SYMBOL
#include <cstdio>
#include <cstring>
#include <elf.h>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

int main(int argc, char **argv)
{
    if (argc != 4)
    {
        std::fprintf(stderr, "usage: %s LIBRARY VERSION SYMBOL\n", argv[0]);
        return 2;
    }

    const std::string version = argv[2], symbol = argv[3];
    std::ifstream input(argv[1], std::ios::binary);
    std::vector<char> image((std::istreambuf_iterator<char>(input)), std::istreambuf_iterator<char>());
    if (image.size() < sizeof(Elf64_Ehdr) || std::memcmp(image.data(), ELFMAG, SELFMAG) != 0 || image[EI_CLASS] != ELFCLASS64)
    {
        std::fprintf(stderr, "%s: not a 64-bit ELF library\n", argv[1]);
        return 1;
    }

    const auto *header = reinterpret_cast<const Elf64_Ehdr *>(image.data());
    const auto *sections = reinterpret_cast<const Elf64_Shdr *>(image.data() + header->e_shoff);
    const Elf64_Shdr *symbols = nullptr;
    Elf64_Half *versions = nullptr;
    int weakened = 0, unversioned = 0;
    for (int i = 0; i < header->e_shnum; i++)
    {
        char *start = image.data() + sections[i].sh_offset;
        const char *names = image.data() + sections[sections[i].sh_link].sh_offset;
        if (sections[i].sh_type == SHT_DYNSYM)
        {
            symbols = &sections[i];
        }
        else if (sections[i].sh_type == SHT_GNU_versym)
        {
            versions = reinterpret_cast<Elf64_Half *>(start);
        }
        else if (sections[i].sh_type == SHT_GNU_verneed)
        {
            for (Elf64_Word file = 0; file < sections[i].sh_info; file++)
            {
                auto *need = reinterpret_cast<Elf64_Verneed *>(start);
                char *entry = start + need->vn_aux;
                for (int j = 0; j < need->vn_cnt; j++)
                {
                    auto *wanted = reinterpret_cast<Elf64_Vernaux *>(entry);
                    if (version == names + wanted->vna_name)
                    {
                        wanted->vna_flags |= VER_FLG_WEAK;
                        weakened++;
                    }

                    entry += wanted->vna_next;
                }

                start += need->vn_next;
            }
        }
    }

    if (symbols != nullptr && versions != nullptr)
    {
        const auto *table = reinterpret_cast<const Elf64_Sym *>(image.data() + symbols->sh_offset);
        const char *names = image.data() + sections[symbols->sh_link].sh_offset;
        for (Elf64_Xword i = 0; i < symbols->sh_size / sizeof(Elf64_Sym); i++)
        {
            if (symbol == names + table[i].st_name)
            {
                versions[i] = VER_NDX_GLOBAL;
                unversioned++;
            }
        }
    }

    std::ofstream(argv[1], std::ios::binary).write(image.data(), static_cast<std::streamsize>(image.size()));
    std::printf("%s: %d requirement(s) of %s weakened, %d use(s) of %s freed\n", argv[1], weakened, argv[2], unversioned, argv[3]);
    return weakened == 1 && unversioned == 1 ? 0 : 1;
}
